"""A backup is verified completely, and refused if this version or this server cannot restore it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pyrage import x25519

from incidents.backup import making, programs
from incidents.backup.errors import BackupError
from incidents.backup.restoring import restore
from incidents.backup.verifying import verify
from tests.backup.filled import back_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is put here is said by the manifests of new backups."""
    changed: dict[str, Any] = {}
    real = making._facts
    monkeypatch.setattr(making, "_facts", lambda: dataclasses.replace(real(), **changed))
    return changed


def test_intact_backup_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = x25519.Identity.generate()
    (tmp_path / "key").write_text(str(identity))
    call_command("backup", str(tmp_path / "page"), "--recipient", str(identity.to_public()))
    call_command("backup", str(tmp_path / "page"), "--verify", "--identity", str(tmp_path / "key"))
    written, verified = capsys.readouterr().err.splitlines()
    assert written.startswith(f"Wrote {tmp_path / 'page'} (encrypted, ")
    assert "is intact: a backup of https://status.example.dk of 20" in verified
    assert "0 incidents, 0 subscribers, 0 deliveries; database " in verified


def test_encrypted_backup_needs_a_key(tmp_path: Path) -> None:
    call_command("backup", str(tmp_path / "page"), "--recipient", str(x25519.Identity.generate().to_public()))
    with pytest.raises(CommandError, match="--identity FILE"):
        call_command("backup", str(tmp_path / "page"), "--verify")


def test_damaged_backup_is_refused(tmp_path: Path) -> None:
    file = back_up(tmp_path / "page")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BackupError, match="damaged"):
        verify(file)


def test_backup_of_a_newer_version_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts |= {"version": "9.0", "migrations": ["incidents.0001_first_house", "incidents.9999_future"]}
    file = back_up(tmp_path / "page")
    for read in (verify, restore):
        with pytest.raises(BackupError, match=r"version 9\.0, .*9999_future\. Upgrade first"):
            read(file)


def test_backup_of_a_newer_postgresql_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    facts |= {"postgresql": 990_001}
    with pytest.raises(BackupError, match="PostgreSQL 99"):
        restore(back_up(tmp_path / "page"))


def test_programs_that_are_older_than_the_server_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "server_version", lambda: 990_001)
    with pytest.raises(BackupError, match="Install postgresql-client-99"):
        programs.find()
