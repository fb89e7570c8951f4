"""A year of maintenance that repeats, with two schedulers, one of which is killed at random."""

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any

import pytest
import time_machine
from django.conf import settings

from incidents import operations
from incidents.models import Announcement, Component, Incident
from incidents.publishing import stale
from incidents.recurrence import LAST, RepeatRule
from incidents.status import ComponentStatus, Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_page
from tests.operations.scheduler_process import CHORES
from tests.publishing.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)
BEGIN, END = datetime(2027, 12, 1, tzinfo=UTC), datetime(2028, 11, 30, tzinfo=UTC)  # 2028 has a leap day
ZONE, HOUR, SUNDAY = "Europe/Copenhagen", timedelta(hours=1), 6
RULES = [
    RepeatRule(date(2027, 12, 1), time(2, 0), HOUR, ZONE, weekdays=(2,)),
    RepeatRule(date(2027, 12, 26), time(2, 30), HOUR, ZONE, weekdays=(SUNDAY,), nth=LAST),  # the clocks change on two
    RepeatRule(date(2027, 12, 7), time(23, 30), HOUR, ZONE, weekdays=(1,), every=6),  # one is on the leap day
]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(BEGIN - timedelta(days=1), tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def _unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing the whole page after each of 220 changes is not what this is about."""
    monkeypatch.setattr(stale, "publish_for_readers", lambda: None)


class OtherScheduler:
    """A second scheduler in a process of its own. When it is killed, one that has started already takes its place."""

    def __init__(self) -> None:
        self._running, self._next = self._start(), self._start()

    def begin(self, now: datetime) -> None:
        assert self._running.stdin
        print(now.isoformat(), file=self._running.stdin, flush=True)

    def finish(self) -> None:
        while self._line() != "done":
            pass

    def kill_before(self, chore: int) -> None:
        """Kill it as soon as it begins the chore with this number, or before it begins at all."""
        for _each in range(chore):
            self._line()
        self._running.kill()
        _end(self._running)
        self._running, self._next = self._next, self._start()

    def stop(self) -> None:
        for process in (self._running, self._next):
            process.kill()
            _end(process)

    def _line(self) -> str:
        assert self._running.stdout
        line = self._running.stdout.readline().strip()
        assert line, "the other scheduler ended by itself"
        return line

    @staticmethod
    def _start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.operations.scheduler_process"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment(), cwd=settings.BASE_DIR, **pipes)


def _end(process: "subprocess.Popen[str]") -> None:
    # Not `communicate`, which would write what the killed process did not read.
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream
        stream.close()


@pytest.fixture
def other_scheduler() -> Iterator[OtherScheduler]:
    running = OtherScheduler()
    yield running
    running.stop()


def beat() -> None:
    """What the scheduler does for maintenance."""
    for chore in CHORES:
        chore()


def occurrences(rule: RepeatRule) -> list[tuple[datetime, datetime]]:
    days = takewhile(lambda day: rule.occurrence(day).end < END, rule.days())
    return [(rule.occurrence(day).start, rule.occurrence(day).end) for day in days]


def repeat(rule: RepeatRule, disk: Component) -> None:
    first = rule.occurrence(rule.first_day)
    incident = make_maintenance(
        start=first.start, end=first.end, components=(disk,), auto_start=True, auto_complete=True
    )
    operations.repeat_maintenance(incident=incident, rule=rule, by=ANYBODY)


def test_each_maintenance_of_a_year_starts_ends_and_is_announced_once(
    clock: time_machine.Traveller, other_scheduler: OtherScheduler
) -> None:
    make_page()
    disk = make_component("disk")
    for rule in RULES:
        repeat(rule, disk)
    chance = random.Random(26)
    planned = [occurrences(rule) for rule in RULES]
    for moment in moments(planned):
        now = moment + timedelta(seconds=chance.choice([0, 1, 59]))
        clock.move_to(now)
        other_scheduler.begin(now)
        is_killed, chore = chance.random() < 0.1, chance.choice([0, 1, 2, 3])
        with ThreadPoolExecutor(1) as thread:  # while it dies, or works
            died = thread.submit(other_scheduler.kill_before, chore) if is_killed else None
            beat()
        if died is None:
            other_scheduler.finish()
        else:
            died.result()
            beat()  # the next beat of the one that lives
    for series, expected in zip(range(len(RULES)), planned, strict=True):
        found = [one for one in Incident.objects.exclude(phase=Phase.SCHEDULED) if is_of(one, RULES[series])]
        assert sorted((one.started_at, one.ended_at) for one in found) == expected
        for one in found:
            phases = one.updates.order_by("at", "created_at").values_list("phase", flat=True)
            assert list(phases) == ["scheduled", "in_progress", "completed"]
            assert Announcement.objects.filter(update__incident=one, update__phase="in_progress").count() == 1
            assert Announcement.objects.filter(update__incident=one, update__phase="completed").count() == 1
            reminded = one.reminders.order_by("pk").values_list("before", "planned_start")
            assert list(reminded) == [(timedelta(days=1), one.started_at), (HOUR, one.started_at)]
    assert [len(times) for times in planned] == [53, 12, 9]
    disk.refresh_from_db()
    assert disk.status == ComponentStatus.OPERATIONAL


def moments(planned: list[list[tuple[datetime, datetime]]]) -> list[datetime]:
    """Return when something is due: both reminders of each maintenance, its start and its end."""
    windows = [window for series in planned for window in series]
    return sorted({at for start, end in windows for at in (start - timedelta(days=1), start - HOUR, start, end)})


def is_of(incident: Incident, rule: RepeatRule) -> bool:
    return incident.series is not None and incident.series.rrule == rule.rrule
