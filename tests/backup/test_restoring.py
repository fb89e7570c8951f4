"""What a restore refuses, and that it can be repeated after a failure at any point."""

from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from incidents.backup import aftermath, restoring, target
from incidents.backup.errors import BackupError
from incidents.backup.restoring import restore
from incidents.models import Incident, Page
from incidents.text import Text
from tests.backup.filled import destroy, published, table_rows


def rename_page() -> None:
    Page.objects.update(name=Text(da="En anden side", en="Another page"))


def test_database_in_use_is_kept(page: Path, backup: Path) -> None:
    rename_page()
    with pytest.raises(CommandError, match="add --replace"):
        call_command("restore", str(backup))
    assert Page.objects.get().name["en"] == "Another page"


def test_database_in_use_is_replaced_after_its_name_was_typed(
    page: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename_page()
    monkeypatch.setattr("builtins.input", lambda _prompt: "Nordhost driftsstatus")
    with pytest.raises(CommandError, match="not the name of the page"):
        call_command("restore", str(backup), "--replace")
    assert Page.objects.get().name["en"] == "Another page"
    monkeypatch.setattr("builtins.input", lambda prompt: prompt.split("“")[1].split("”")[0])
    output = StringIO()
    call_command("restore", str(backup), "--replace", stdout=output)
    assert Page.objects.get().name["en"] == "Nordhost status"
    assert "1 scheduled updates whose time has passed are drafts again" in output.getvalue()


def test_running_product_is_noticed(page: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_PATIENCE", 1)
    parameters = connection.get_connection_params()
    named = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**named), pytest.raises(BackupError, match="1 other connection to the database"):
        restore(backup, replace=True)


def test_database_of_another_program_is_refused(page: Path, backup: Path) -> None:
    destroy(page)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE something (id integer)")
    with pytest.raises(BackupError, match="another program"):
        restore(backup, replace=True)


def test_failure_while_the_database_is_loaded_changes_nothing(
    page: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename_page()
    rows = table_rows()
    with monkeypatch.context() as patch:
        patch.setattr(aftermath, "statements", lambda _now: "SELECT 1 / 0;")
        with pytest.raises(BackupError, match=r"as it was before\. .*division by zero"):
            restore(backup, replace=True)
    assert table_rows() == rows


@pytest.mark.parametrize("step", ["_bring_up_to_date", "_put_back", "publish_all"])
def test_restore_is_repeated_after_a_crash(
    page: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    files = published(page)
    destroy(page)

    def crash(*_arguments: Any, **_options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, step, crash)
        with pytest.raises(KeyboardInterrupt):
            restore(backup)
    restore(backup, replace=True)
    assert published(page) == files
    assert Incident.objects.count() == 2


def test_backup_of_an_older_version_is_migrated(page: Path, tmp_path: Path) -> None:
    call_command("migrate", "incidents", "0042", verbosity=0)
    older = tmp_path / "older.tar"
    call_command("backup", str(older))
    destroy(page)
    restore(older)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations WHERE name = '0043_restored_deliveries'")
        assert cursor.fetchone() == (1,)
