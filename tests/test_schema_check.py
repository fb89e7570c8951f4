"""`manage.py check` and `migrate` compare the migrations of the database with those of the code."""

import io
from typing import Any

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from incidents.checks import check_schema

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("check", {"databases": ["default"]}),
    ("check", {"deploy": True}),
    ("check", {"deploy": True, "databases": ["default"]}),
    ("migrate", {"skip_checks": False}),
]


@pytest.fixture
def newer_database(db: None) -> None:
    for name in ("9001_later", "9002_last"):
        MigrationRecorder(connection).record_applied("incidents", name)


@pytest.mark.parametrize(("command", "options"), COMMANDS)
@pytest.mark.usefixtures("newer_database")
def test_database_newer_than_the_code_is_refused(command: str, options: dict[str, Any]) -> None:
    with pytest.raises(SystemCheckError) as refused:
        call_command(command, stdout=io.StringIO(), stderr=io.StringIO(), **options)
    text = str(refused.value)
    assert text.count("incidents.E002") == 1
    assert "lacks: incidents.9001_later, incidents.9002_last." in text
    assert "restore the backup" in text


@pytest.mark.usefixtures("newer_database")
def test_processes_start_on_a_newer_database() -> None:
    """Processes run the checks without a database: they may be restarted in the middle of an upgrade."""
    call_command("check", stderr=io.StringIO())


@pytest.mark.django_db
@pytest.mark.parametrize(("command", "options"), COMMANDS)
def test_database_of_this_version_is_accepted(command: str, options: dict[str, Any]) -> None:
    call_command(command, stdout=io.StringIO(), stderr=io.StringIO(), **options)


@pytest.mark.django_db
def test_migrations_of_removed_apps_do_not_matter() -> None:
    MigrationRecorder(connection).record_applied("removed_app", "0001_initial")
    assert check_schema(databases=["default"]) == []


def test_database_that_does_not_answer_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_loader: MigrationLoader) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(MigrationLoader, "build_graph", fail)
    (found,) = check_schema(databases=["default"])
    assert (found.level, found.id) == (checks.WARNING, "incidents.W002")
    assert "connection refused Is the server running?" in found.msg
