"""What `doctor` finds about disks, backups, settings, secrets and migrations."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from incidents.backup.record import record_backup
from incidents.doctor import code, machine
from statuspage.env import Environment


@pytest.mark.parametrize(
    ("gigabytes", "free", "inodes", "state"),
    [
        (100, 0.5, 0.5, "OK"),
        (1000, 0.05, 0.5, "OK"),  # 50 GiB are free
        (0.1, 0.5, 0.5, "OK"),  # a small one, half empty
        (100, 0.08, 0.5, "WARN"),
        (20, 0.02, 0.5, "FAIL"),
        (100, 0.5, 0.05, "WARN"),
        (100, 0.5, 0.01, "FAIL"),
    ],
)
def test_full_disk_is_noticed(
    monkeypatch: pytest.MonkeyPatch, gigabytes: float, free: float, inodes: float, state: str
) -> None:
    blocks = int(gigabytes * 2**18)
    disk = SimpleNamespace(f_frsize=4096, f_blocks=blocks, f_bavail=int(blocks * free), f_files=1000)
    disk.f_favail = int(1000 * inodes)
    monkeypatch.setattr(os, "statvfs", lambda _folder: disk)
    assert machine.disks_have_space().state == state


def test_disk_of_a_folder_that_is_not_made_yet_is_that_of_its_parent(settings: Settings, tmp_path: Path) -> None:
    settings.PUBLIC_ROOT = tmp_path / "not" / "yet"
    assert "PUBLIC_ROOT" in machine.disks_have_space().found


@pytest.mark.django_db
def test_backup_has_to_be_recent() -> None:
    assert machine.backup_is_recent().found == "none is recorded"
    record_backup(timezone.now() - timedelta(days=3))
    result = machine.backup_is_recent()
    assert (result.state, result.found) == ("WARN", "the last one was 3 days ago")
    record_backup(timezone.now() - timedelta(hours=20))
    assert machine.backup_is_recent().state == "OK"


@pytest.mark.django_db
def test_findings_of_the_deployment_checks_are_named(settings: Settings) -> None:
    settings.RQ_QUEUES = {name: {"URL": "unix:///run/valkey/socket"} for name in settings.RQ_QUEUES}
    assert code.settings_are_safe().state == "OK"
    settings.RQ_QUEUES = {name: {"URL": "redis://valkey:6379/0"} for name in settings.RQ_QUEUES}
    result = code.settings_are_safe()
    assert (result.state, result.found) == ("WARN", "1 finding: incidents.W001")
    settings.LANGUAGES = [*settings.LANGUAGES, ("fi", "Suomi")]
    result = code.settings_are_safe()
    assert result.state == "FAIL"
    assert "incidents.E001" in result.found


def test_secret_that_everybody_can_read_fails(settings: Settings) -> None:
    assert code.secrets_are_private().found == "no settings in files"
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders cannot be entered by others
        folder = Path(name)
        secret = folder / "secret_key"
        secret.write_text("a secret")
        settings.SETTING_FILES = [str(secret)]
        folder.chmod(0o755)
        secret.chmod(0o644)
        result = code.secrets_are_private()
        assert (result.state, result.found) == ("FAIL", f"everybody on this machine can read {secret}")
        secret.chmod(0o640)
        assert code.secrets_are_private().state == "OK"
        secret.chmod(0o644)
        folder.chmod(0o750)
        assert code.secrets_are_private().state == "OK"


def test_files_of_settings_are_known(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text("a secret\n")
    env = Environment({"SECRET_KEY_FILE": str(file)})
    assert env.text("SECRET_KEY") == "a secret"
    assert env.files == {str(file)}


@pytest.mark.django_db
def test_migrations_have_to_be_those_of_the_code() -> None:
    assert code.migrations_are_applied().state == "OK"
    recorder = MigrationRecorder(connection)
    newest = recorder.migration_qs.filter(app="incidents").order_by("-name").values_list("name", flat=True)[0]
    recorder.record_unapplied("incidents", newest)
    result = code.migrations_are_applied()
    assert (result.state, result.found) == ("FAIL", f"1 not applied, first incidents.{newest}")
    recorder.record_applied("incidents", newest)
    recorder.record_applied("incidents", "9001_later")
    result = code.migrations_are_applied()
    assert result.state == "FAIL"
    assert "9001_later" in result.found
