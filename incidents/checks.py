"""System checks of what settings alone cannot refuse; `manage.py check --deploy` runs them."""

import gettext
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import to_locale

from . import guard

_OPEN_QUEUE = checks.Warning(
    "REDIS_URL has no password and is not a Unix socket: anybody who can connect to the queue can delete its jobs "
    "and stop the workers.",
    hint="Set a password in Valkey and write redis://:password@host:6379/0, or unix:///run/valkey/socket?db=0. "
    "See “The queue” in docs/settings.md.",
    id="incidents.W001",
)


# Complete, which `make lint` checks: the other catalogues are compared with it.
_REFERENCE = "da"
_SOURCE = "en"


def check_languages(**_options: Any) -> list[checks.CheckMessage]:
    """Refuse a language of the page whose catalogue is missing or incomplete: readers would see a mixture."""
    folder = Path(settings.LOCALE_PATHS[0])
    reference = _strings(folder, _REFERENCE)
    found = [(code, len(reference - _strings(folder, code))) for code, _name in settings.LANGUAGES if code != _SOURCE]
    return [_incomplete(code, missing, len(reference)) for code, missing in found if missing or not reference]


def check_holidays(**_options: Any) -> list[checks.CheckMessage]:
    """Find a country that has no known public holidays: the form could not warn of them."""
    if not (place := settings.PUBLIC_HOLIDAYS):
        return []
    try:
        import_module("incidents.public_holidays").on([], place, _SOURCE)
    except LookupError:
        return [
            checks.Error(
                f"PUBLIC_HOLIDAYS is “{place}”, a place whose public holidays are not known.",
                hint="Write the code of a country or a part of it, such as DK or DE-BY.",
                id="incidents.E003",
            )
        ]
    return []


def check_alert_webhook(**_options: Any) -> list[checks.CheckMessage]:
    """Refuse an address that is never called: alerts would be lost."""
    if not settings.ALERT_WEBHOOK_URL:
        return []
    try:
        guard.read_url(settings.ALERT_WEBHOOK_URL)
    except guard.BadUrl as error:
        return [
            checks.Error(
                f"ALERT_WEBHOOK_URL is an address that is never called ({error.code}).",
                hint="Write an https:// address on the internet, on port 443 or 8443, or allow its network in "
                "WEBHOOK_NETWORKS; see docs/settings.md.",
                id="incidents.E004",
            )
        ]
    return []


def refuse_incomplete_languages() -> None:
    """Do the same for a process that runs no system checks. Raises ImproperlyConfigured."""
    if errors := check_languages():
        raise ImproperlyConfigured("\n".join(f"{error.msg} {error.hint}" for error in errors))


def _incomplete(code: str, missing: int, of_all: int) -> checks.CheckMessage:
    return checks.Error(
        f"LANGUAGES has “{code}”, but its catalogue lacks {missing} of {of_all} translations.",
        hint=f"Run `LANGUAGES=…,{code} make messages`, translate what it lists, and run it again; see "
        f"docs/languages.md. Or leave “{code}” out of LANGUAGES.",
        id="incidents.E001",
    )


def _strings(folder: Path, code: str) -> set[str]:
    # The strings that a compiled catalogue translates, each with its context.
    path = folder / to_locale(code) / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return set()
    with path.open("rb") as file:
        catalogue: dict[Any, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    keys = (key[0] if isinstance(key, tuple) else key for key in catalogue)  # a plural has a key per form
    return {key for key in keys if key}


def check_queue(**_options: Any) -> list[checks.CheckMessage]:
    """Warn if the address of the queue names neither a password nor a socket, which has the rights of a file."""
    urls = {str(queue["URL"]) for queue in settings.RQ_QUEUES.values()}
    return [] if all(map(_is_protected, urls)) else [_OPEN_QUEUE]


def _is_protected(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme == "unix" or bool(url.password or parse_qs(url.query).get("password"))


def check_schema(*, databases: Sequence[str] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Refuse a database with migrations that this code lacks, for `migrate` and `check --database default`.

    Processes start without it: the previous release must run on the new schema during an upgrade (docs/upgrade.md).
    """
    return [message for alias in databases or () for message in _compare_schema(alias)]


def check_deployed_schema(*, databases: Sequence[str] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Do the same for `check --deploy`, unless it names databases, so that `check_schema` reports them."""
    return [] if databases else check_schema(databases=[DEFAULT_DB_ALIAS])


def _compare_schema(alias: str) -> list[checks.CheckMessage]:
    try:
        loader = MigrationLoader(connections[alias])
    except Error as error:
        return [_unknown_schema(alias, error)]
    replaced = {name for migration in loader.replacements.values() for name in migration.replaces}
    known = {*loader.disk_migrations, *replaced}
    unknown = [name for name in loader.applied_migrations if name[0] in loader.migrated_apps and name not in known]
    return [_newer_schema(sorted(unknown))] if unknown else []


def _newer_schema(unknown: list[tuple[str, str]]) -> checks.CheckMessage:
    return checks.Error(
        f"The database is newer than this code, which lacks: {', '.join(map('.'.join, unknown))}.",
        hint="Install the version that made these changes or a newer one, or restore the backup from before the "
        "upgrade. The previous version may run on this database, but cannot migrate it; see docs/upgrade.md.",
        id="incidents.E002",
    )


def _unknown_schema(alias: str, error: Error) -> checks.CheckMessage:
    return checks.Warning(
        f"The database “{alias}” does not answer, so its migrations were not compared with the code's: "
        f"{' '.join(str(error).split())}",
        hint="Start PostgreSQL, or correct DATABASE_URL; then run the command again.",
        id="incidents.W002",
    )
