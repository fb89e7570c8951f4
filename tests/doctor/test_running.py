"""No check can hang `manage.py doctor` or end it with a traceback."""

import io
import json
from collections.abc import Callable
from threading import Event

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from redis.exceptions import ConnectionError as QueueDown

from harness.waiting import PATIENCE
from incidents.doctor.base import Check, CheckResult, fail, ok, warn, worst
from incidents.doctor.registry import CHECKS
from incidents.doctor.running import run
from incidents.management.commands import doctor

FINE = Check("store", lambda: ok("fine"))
DOUBTFUL = Check("disk", lambda: warn("nearly full", "Free space."))
BROKEN = Check("workers", lambda: fail("no worker", "Start one."))


def raising(error: Exception) -> Callable[[], CheckResult]:
    def check() -> CheckResult:
        raise error

    return check


def states(*checks: Check, limit: float = PATIENCE) -> list[tuple[str, str]]:
    return [(result.state, result.found) for _check, result in run(checks, limit)]


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (OperationalError("connection refused\nIs it running?"), "not checked: connection refused Is it running?"),
        (QueueDown("Error 111"), "not checked: Error 111"),
        (ValueError("odd"), "the check failed: ValueError: odd"),
        (ValueError(), "the check failed: ValueError: ValueError"),
    ],
)
def test_check_that_fails_itself_is_a_result_with_the_reason(error: Exception, found: str) -> None:
    assert states(Check("queue", raising(error)), FINE) == [("FAIL", found), ("OK", "fine")]


def test_check_that_hangs_is_a_failure_and_the_others_have_their_results() -> None:
    go_on = Event()

    def hang() -> CheckResult:
        go_on.wait()
        return ok("late")

    done = Event()

    def quick() -> CheckResult:
        done.set()
        return ok("fine")

    try:
        assert states(Check("sender", hang), limit=0.01) == [("FAIL", "no answer within 0.01 s")]
        assert states(Check("store", quick)) == [("OK", "fine")]
    finally:
        go_on.set()
    assert done.is_set()


def said(monkeypatch: pytest.MonkeyPatch, *checks: Check, **options: object) -> tuple[str, str]:
    """Return the output of the command with these checks, and its error."""
    monkeypatch.setattr(doctor, "CHECKS", checks)
    output = io.StringIO()
    try:
        call_command("doctor", stdout=output, no_color=True, **options)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


def test_warnings_fail_only_if_they_are_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, FINE, DOUBTFUL)[1] == ""
    assert said(monkeypatch, FINE, strict=True)[1] == ""
    assert "2 checks: 0 failed, 1 warning." in said(monkeypatch, FINE, DOUBTFUL, strict=True)[1]
    assert "1 failed" in said(monkeypatch, BROKEN)[1]


def test_each_result_is_a_line_with_what_to_do_below(monkeypatch: pytest.MonkeyPatch) -> None:
    long = Check("mirror", lambda: fail("a reason " * 20, "Do this."))
    output, _error = said(monkeypatch, FINE, BROKEN, long)
    lines = output.splitlines()
    assert lines[0].split() == ["OK", "store", "fine"]
    assert [line.split()[:2] for line in lines if line.startswith("FAIL")] == [["FAIL", "workers"], ["FAIL", "mirror"]]
    assert [line.strip() for line in lines if "→" in line] == ["→ Start one.", "→ Do this."]
    assert max(map(len, lines)) <= 80


def test_json_has_the_same_and_nothing_else_on_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    output, error = said(monkeypatch, FINE, BROKEN, json=True)
    assert json.loads(output) == [
        {"check": "store", "state": "OK", "found": "fine", "advice": ""},
        {"check": "workers", "state": "FAIL", "found": "no worker", "advice": "Start one."},
    ]
    assert error


def test_checks_can_be_chosen_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, FINE, BROKEN, only=["store"])[0].split() == ["OK", "store", "fine"]
    assert said(monkeypatch, FINE, BROKEN, skip=["workers"]) == said(monkeypatch, FINE)
    assert said(monkeypatch, FINE, BROKEN, list=True)[0].split() == ["store", "workers"]


def test_names_of_the_checks_are_unique() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_worst_of_several_results_tells_only_what_is_that_bad() -> None:
    assert worst([ok("a"), ok("b")]) == ok("a; b")
    assert worst([ok("a"), fail("b", "Do b."), warn("c", "Do c."), fail("d", "Do d.")]) == fail("b; d", "Do b.")
