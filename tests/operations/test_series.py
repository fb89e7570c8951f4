"""Maintenance that repeats: each of a series is made once, some weeks ahead, and is maintenance of its own."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries, Settings

from incidents import operations, scheduler
from incidents.models import Announcement, AuditEntry, Component, Incident, MaintenanceSeries
from incidents.recurrence import RepeatRule
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_statement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NOW = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
FIRST = date(2027, 1, 10)  # a Sunday
START = datetime(2027, 1, 10, 1, 30, tzinfo=UTC)  # 02:30 in Copenhagen
HOURS = timedelta(hours=2)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def disk() -> Component:
    return make_component("disk")


def weekly(**fields: Any) -> RepeatRule:
    given = {"first_day": FIRST, "weekdays": (6,), **fields}
    return RepeatRule(start=time(2, 30), duration=HOURS, zone="Europe/Copenhagen", **given)


def repeated(disk: Component, rule: RepeatRule | None = None, **details: Any) -> Incident:
    incident = make_maintenance(start=START, end=START + HOURS, components=(disk,), **details)
    return operations.repeat_maintenance(incident=incident, rule=rule or weekly(), by=ANYBODY)


def planned() -> list[date]:
    scheduled = Incident.objects.public().filter(phase=Phase.SCHEDULED).order_by("series_day")
    return [one.series_day for one in scheduled if one.series_day]


def test_maintenance_is_made_eight_weeks_ahead_and_once(disk: Component, clock: time_machine.Traveller) -> None:
    repeated(disk)
    for _ in range(2):
        scheduler.make_due_maintenance()
    assert planned() == [FIRST + timedelta(weeks=week) for week in range(7)]  # until 26 February
    clock.move_to(NOW + timedelta(days=2))
    scheduler.make_due_maintenance()
    assert planned()[-1] == FIRST + timedelta(weeks=7)


def test_each_says_what_the_first_says_and_notifies_nobody(disk: Component) -> None:
    title, scope = Text(da="Opdatering", en="Patching"), Text(en="All servers.")
    details: dict[str, Any] = {"title": title, "scope": scope, "auto_start": True}
    incident = repeated(disk, **details, remind_day_before=True)
    scheduler.make_due_maintenance()
    second = Incident.objects.get(series=incident.series, series_day=FIRST + timedelta(weeks=1))
    assert (second.title, second.scope, second.auto_start, second.remind_day_before) == (*details.values(), True)
    assert (second.scheduled_for, second.scheduled_until) == (
        START + timedelta(weeks=1),
        START + timedelta(weeks=1) + HOURS,
    )
    update = second.updates.get()
    assert (update.text, update.affected.get().status) == (make_statement().text, ComponentStatus.UNDER_MAINTENANCE)
    assert not Announcement.objects.filter(update__incident=second).exists()
    assert AuditEntry.objects.latest("pk").actor_name == "scheduler"


def test_component_that_no_longer_exists_is_left_out(disk: Component) -> None:
    incident = repeated(disk)
    series = MaintenanceSeries.objects.get()
    series.pattern["components"]["aaaaaaaaaaaa"] = "under_maintenance"
    series.save()
    scheduler.make_due_maintenance()
    assert Incident.objects.filter(series=incident.series).count() == 7


def test_one_can_be_moved_or_cancelled_alone(disk: Component, clock: time_machine.Traveller) -> None:
    incident = repeated(disk)
    scheduler.make_due_maintenance()
    second, third = Incident.objects.filter(series_day__gt=FIRST).order_by("series_day")[:2]
    clock.shift(timedelta(minutes=1))
    start = START + timedelta(weeks=1, days=1)
    operations.move_maintenance(
        incident=second, details={"scheduled_for": start, "scheduled_until": start + HOURS}, by=ANYBODY
    )
    operations.cancel_maintenance(incident=third, text=Text(en="Not this time."), by=ANYBODY)
    scheduler.make_due_maintenance()
    assert Incident.objects.filter(series=incident.series).count() == 7
    second.refresh_from_db()
    assert (second.scheduled_for, second.series_day) == (start, FIRST + timedelta(weeks=1))


def test_end_of_a_series_removes_what_follows_and_notifies_only_those_who_know(
    disk: Component, clock: time_machine.Traveller
) -> None:
    repeated(disk)
    scheduler.make_due_maintenance()
    clock.shift(timedelta(minutes=1))
    second, third, fourth = Incident.objects.filter(series_day__gt=FIRST).order_by("series_day")[:3]
    known = third.scheduled_for
    assert known is not None
    operations.move_maintenance(incident=third, details={"scheduled_until": known + HOURS * 2}, by=ANYBODY)
    clock.shift(timedelta(minutes=1))
    assert operations.end_series(incident=second, by=ANYBODY)
    third.refresh_from_db()
    fourth.refresh_from_db()
    assert (third.phase, fourth.is_withdrawn) == (Phase.CANCELLED, True)
    assert planned() == [FIRST, FIRST + timedelta(weeks=1)]
    scheduler.make_due_maintenance()
    assert planned() == [FIRST, FIRST + timedelta(weeks=1)]
    assert not operations.end_series(incident=second, by=ANYBODY)


def test_new_rule_applies_to_one_and_all_that_follow(disk: Component, clock: time_machine.Traveller) -> None:
    repeated(disk)
    scheduler.make_due_maintenance()
    third = Incident.objects.get(series_day=FIRST + timedelta(weeks=2))
    operations.edit_incident(incident=third, details={"title": Text(en="New title")}, by=ANYBODY)
    clock.shift(timedelta(minutes=1))
    rule = weekly(every=3)
    third_rule = RepeatRule(**{**rule.__dict__, "first_day": FIRST + timedelta(weeks=2)})
    operations.repeat_maintenance(incident=third, rule=third_rule, by=ANYBODY)
    scheduler.make_due_maintenance()
    assert planned() == [FIRST + timedelta(weeks=week) for week in (0, 1, 2, 5)]
    fifth = Incident.objects.public().get(series_day=FIRST + timedelta(weeks=5))
    assert fifth.title == Text(en="New title")


def test_what_nobody_made_in_time_is_left_out(disk: Component, clock: time_machine.Traveller) -> None:
    repeated(disk)
    clock.move_to(NOW + timedelta(weeks=20))
    scheduler.make_due_maintenance()
    days = planned()
    assert days[:2] == [FIRST, date(2027, 5, 23)]


def test_series_ends_with_its_last_day(disk: Component) -> None:
    repeated(disk, weekly(until=FIRST + timedelta(weeks=2), excluded=frozenset([FIRST + timedelta(weeks=1)])))
    scheduler.make_due_maintenance()
    assert planned() == [FIRST, FIRST + timedelta(weeks=2)]
    assert MaintenanceSeries.objects.get().next_day is None


def test_rule_with_a_single_day_is_refused(disk: Component) -> None:
    with pytest.raises(ValidationError, match="kun sted én gang"):
        repeated(disk, weekly(until=FIRST + timedelta(days=3)))
    assert not MaintenanceSeries.objects.exists()


@pytest.mark.parametrize("rule", [weekly(first_day=FIRST + timedelta(days=1)), weekly(weekdays=())])
def test_rule_that_does_not_begin_with_the_maintenance_is_refused(disk: Component, rule: RepeatRule) -> None:
    with pytest.raises(ValidationError, match="planlagte start"):
        repeated(disk, rule)


def test_series_that_cannot_go_on_stops_no_other(disk: Component, caplog: pytest.LogCaptureFixture) -> None:
    repeated(disk)
    MaintenanceSeries.objects.update(zone="Atlantis/Capital")
    other = repeated(disk)
    scheduler.make_due_maintenance()
    assert Incident.objects.filter(series=other.series).count() == 7
    assert "could not be made" in caplog.text


def test_quotation_of_a_provider_is_repeated(disk: Component) -> None:
    incident = make_maintenance(start=START, end=START + HOURS, components=(disk,))
    incident.updates.update(text=Text(), quote="We patch.", quote_language="en")
    operations.repeat_maintenance(incident=incident, rule=weekly(), by=ANYBODY)
    scheduler.make_due_maintenance()
    assert Incident.objects.get(series_day=FIRST + timedelta(weeks=3)).updates.get().quote == "We patch."


def test_maintenance_that_has_started_cannot_be_repeated(disk: Component, clock: time_machine.Traveller) -> None:
    incident = make_maintenance(start=NOW, end=NOW + HOURS, components=(disk,))
    clock.shift(timedelta(minutes=1))
    operations.start_maintenance(incident=incident, text=Text(en="Go."), by=ANYBODY)
    with pytest.raises(ValidationError, match="Kun planlagt"):
        operations.repeat_maintenance(incident=incident, rule=weekly(), by=ANYBODY)


def test_one_query_while_no_maintenance_has_to_be_made(
    disk: Component, django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    repeated(disk)
    scheduler.make_due_maintenance()
    with django_assert_num_queries(1):
        scheduler.make_due_maintenance()
