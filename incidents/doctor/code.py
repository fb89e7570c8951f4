"""Settings, secrets and migrations."""

from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor

from ..checks import check_schema
from .base import CheckResult, fail, many, ok, warn

_OF_DATABASE = {"incidents.E002", "incidents.W002"}  # the check `migrations` reports these
_MAX_NAMED = 3


def settings_are_safe() -> CheckResult:
    found = [one for one in checks.run_checks(include_deployment_checks=True) if not one.is_silenced()]
    found = [one for one in found if one.level >= checks.WARNING and one.id not in _OF_DATABASE]
    if not found:
        return ok(f"version {settings.VERSION}; no findings")
    named = ", ".join(str(one.id) for one in found[:_MAX_NAMED]) + (" …" if len(found) > _MAX_NAMED else "")
    state = fail if any(one.level >= checks.ERROR for one in found) else warn
    return state(f"{many(len(found), 'finding')}: {named}", "Run `manage.py check --deploy`, which explains them.")


def secrets_are_private() -> CheckResult:
    files = [Path(name) for name in settings.SETTING_FILES]
    public = [str(file) for file in files if _others_can_read(file)]
    if public:
        return fail(f"everybody on this machine can read {', '.join(public)}", f"Run `chmod o-rwx {' '.join(public)}`.")
    return ok(
        f"{many(len(files), 'file')} of settings, none readable by everybody" if files else "no settings in files"
    )


def _others_can_read(file: Path) -> bool:
    # A folder that others may not enter protects what is in it.
    return bool(file.stat().st_mode & 0o006) and all(folder.stat().st_mode & 0o001 for folder in file.resolve().parents)


def migrations_are_applied() -> CheckResult:
    for message in check_schema(databases=[DEFAULT_DB_ALIAS]):
        return fail(message.msg, message.hint or "")
    executor = MigrationExecutor(connection)
    missing = [
        f"{one.app_label}.{one.name}" for one, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())
    ]
    if missing:
        return fail(f"{len(missing)} not applied, first {missing[0]}", "Run `manage.py migrate`; see docs/upgrade.md.")
    return ok("all are applied, none is unknown")
