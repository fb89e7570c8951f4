"""Each backup records its time in the database, for the metrics."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from incidents.backup.record import last_backup
from incidents.metrics.exposition import render
from statuspage.metric_values import from_database

METRIC = "statuspage_last_backup_timestamp_seconds"


def metric() -> float:
    lines = render(from_database(timezone.now())).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{METRIC} "))


def test_backup_is_recorded_once_it_is_complete(page: Path, tmp_path: Path) -> None:
    assert last_backup() is None
    assert metric() == 0
    call_command("backup", str(tmp_path / "page.tar"), stderr=io.StringIO())
    assert last_backup() == timezone.now()
    assert metric() == timezone.now().timestamp()


def test_role_that_may_only_read_still_makes_a_backup(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OperationalError("permission denied for table incidents_heartbeat")

    monkeypatch.setattr("incidents.management.commands.backup.record_backup", refuse)
    output = io.StringIO()
    call_command("backup", str(tmp_path / "page.tar"), stderr=output)
    assert "its time was not recorded: permission denied" in output.getvalue()
    assert (tmp_path / "page.tar").exists()


def test_verifying_is_no_backup(backup: Path) -> None:
    call_command("backup", str(backup), "--verify", stderr=io.StringIO())
    assert last_backup() is None
