"""`manage.py audit`: verifies and exports the audit log."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from incidents.staff import audit
from incidents.staff.actors import SCHEDULER
from tests.support.audit_log import as_superuser, fill

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("audit", *arguments, stdout=output)
    return output.getvalue()


def test_verify_prints_the_length_and_the_newest_hash() -> None:
    assert run("--verify").startswith("0 entries. Newest hash: none\n")
    newest = fill(2)[-1]
    assert run("--verify") == f"2 entries. Newest hash: {newest.hash}\nThe audit log is intact.\n"


def test_verify_fails_with_a_line_for_each_problem() -> None:
    fill()
    as_superuser("UPDATE incidents_auditentry SET network = '192.0.2.0/24' WHERE id = 2")
    as_superuser("DELETE FROM incidents_auditentry WHERE id = 4")
    output = StringIO()
    with pytest.raises(CommandError, match="not intact: 2 problems"):
        call_command("audit", "--verify", stdout=output)
    assert output.getvalue().splitlines()[:2] == ["Entry 2 was changed.", "Entry 4 is missing."]


def test_noted_hash_shows_that_the_end_was_deleted() -> None:
    noted = fill()[-1].hash
    assert "is intact" in run("--verify", "--noted", noted)
    as_superuser("DELETE FROM incidents_auditentry WHERE id = 5")
    assert "is intact" in run("--verify")
    with pytest.raises(CommandError, match="1 problem"):
        run("--verify", "--noted", noted)


def test_export_prints_json_lines_oldest_first_since_a_time() -> None:
    for hour in (7, 8, 9):
        with time_machine.travel(datetime(2026, 11, 27, hour, tzinfo=UTC), tick=False):
            audit.record(SCHEDULER, "publish_due", None, after={"hour": hour})
    hours = [json.loads(line)["after"]["hour"] for line in run("--export").splitlines()]
    assert hours == [7, 8, 9]
    for since in ("2026-11-27T08:00", "2026-11-27T09:00+01:00"):
        hours = [json.loads(line)["after"]["hour"] for line in run("--export", "--since", since).splitlines()]
        assert hours == [8, 9]
    with pytest.raises(CommandError, match="is not a date or time"):
        run("--export", "--since", "yesterday")
