"""A year of maintenance that repeats, with two schedulers, one of which loses its connection at random."""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

import pytest
import time_machine
from django.db import Error, connection, connections

from incidents import operations, scheduler
from incidents.models import Announcement, Component, Incident
from incidents.publishing import stale
from incidents.recurrence import LAST, RepeatRule
from incidents.status import ComponentStatus, Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_page

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
    monkeypatch.setattr(stale, "publish_stale", lambda: None)


@pytest.fixture
def other_scheduler() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(connections.close_all).result()


def beat() -> None:
    """What the scheduler does for maintenance."""
    scheduler.make_due_maintenance()
    scheduler.change_due_maintenance()


def own_connection() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
        return int(number)


def lose_connection(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [number])


def end_of(beaten: "Future[None]") -> None:
    # One that lost its connection comes back with another one, as a new process would.
    assert isinstance(beaten.exception(), Error | None)


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
    clock: time_machine.Traveller, other_scheduler: ThreadPoolExecutor
) -> None:
    make_page()
    disk = make_component("disk")
    for rule in RULES:
        repeat(rule, disk)
    chance = random.Random(26)
    planned = [occurrences(rule) for rule in RULES]
    for moment in sorted({edge for times in planned for one in times for edge in one}):
        clock.move_to(moment + timedelta(seconds=chance.choice([0, 1, 59])))
        number = other_scheduler.submit(own_connection).result()
        beaten = other_scheduler.submit(beat)
        if chance.random() < 0.3:
            lose_connection(number)
        beat()
        end_of(beaten)
        other_scheduler.submit(connections.close_all).result()
        beat()
    for series, expected in zip(range(len(RULES)), planned, strict=True):
        found = [one for one in Incident.objects.exclude(phase=Phase.SCHEDULED) if is_of(one, RULES[series])]
        assert sorted((one.started_at, one.ended_at) for one in found) == expected
        for one in found:
            phases = one.updates.order_by("at", "created_at").values_list("phase", flat=True)
            assert list(phases) == ["scheduled", "in_progress", "completed"]
            assert Announcement.objects.filter(update__incident=one, update__phase="in_progress").count() == 1
            assert Announcement.objects.filter(update__incident=one, update__phase="completed").count() == 1
    assert [len(times) for times in planned] == [53, 12, 9]
    disk.refresh_from_db()
    assert disk.status == ComponentStatus.OPERATIONAL


def is_of(incident: Incident, rule: RepeatRule) -> bool:
    return incident.series is not None and incident.series.rrule == rule.rrule
