"""What the verbs do to the statuses of components over time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents import operations
from incidents.models import Component, ComponentUpdate, Incident, StatusChange, Update
from incidents.publishing.reading.history import History, histories
from incidents.publishing.reading.story import Story, with_timeline
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db

OPERATIONAL, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = ComponentStatus
# Ninety days begin at midnight, in the zone of the tests: 2157 hours before, one of them because summer time ended.
NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
OVER = Text(da="Slut.", en="Over.")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mail() -> Component:
    return make_component("mail", start_date=NOW.date() - timedelta(days=400))


def on(day: int, hour: float) -> datetime:
    """A time in September 2026, in UTC."""
    return datetime(2026, 9, day, tzinfo=UTC) + timedelta(hours=hour)


def incident_on(component: Component, status: ComponentStatus, at: datetime, **fields: Any) -> Incident:
    statement = make_statement(at=at, components={component.pk: status}, **fields)
    return make_incident(statement=statement, started_at=at)


def record(component: Component) -> list[tuple[datetime, str]]:
    return list(component.status_changes.order_by("at").values_list("at", "status"))


def everything() -> list[tuple[Any, ...]]:
    """Everything that is stored of the statuses of components, byte for byte."""
    changes = StatusChange.objects.order_by("component_id", "at").values_list("component_id", "at", "status", "causes")
    return [*changes, *Component.objects.order_by("pk").values_list("pk", "status")]


def shown(component: Component) -> History:
    with timezone.override("Europe/Copenhagen"):
        today = timezone.localtime(timezone.now()).date()
        return histories([component], today - timedelta(days=89), timezone.now())[component.pk]


def story_of(incident: Incident) -> Story:
    [story] = with_timeline(Incident.objects.filter(pk=incident.pk))
    return story


def test_lesser_incident_that_is_resolved_first_shortens_no_outage(mail: Component) -> None:
    outage = incident_on(mail, PARTIAL, on(10, 10))
    lesser = incident_on(mail, DEGRADED, on(10, 11))
    operations.resolve(by=ANYBODY, incident=lesser, text=OVER, at=on(10, 12))
    operations.resolve(by=ANYBODY, incident=outage, text=OVER, at=on(10, 14))
    assert record(mail) == [(on(10, 10), PARTIAL), (on(10, 14), OPERATIONAL)]
    history = shown(mail)
    assert history.uptime is not None
    assert round(100 * history.uptime, 2) == 99.81  # 4 of 2157 hours
    [outage_day] = history.disruptions
    assert outage_day.duration == timedelta(hours=4)


def test_incident_that_was_over_before_it_was_written_down_tells_one_story(mail: Component) -> None:
    statement = make_statement(at=on(15, 9), components={mail.pk: PARTIAL})
    incident = make_incident(statement=statement, started_at=on(15, 8))
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(15, 20), ended_at=on(15, 10))
    assert record(mail) == [(on(15, 8), PARTIAL), (on(15, 10), OPERATIONAL)]
    assert [step.at for step in story_of(incident).affected[0].steps] == [on(15, 8), on(15, 10)]
    history = shown(mail)
    assert [row.duration for row in history.disruptions] == [timedelta(hours=2)]
    assert history.uptime is not None
    assert round(100 * history.uptime, 2) == 99.91  # 2 of 2157 hours: 99.907 %


def test_past_incident_in_one_update_counts_and_notifies_nobody(mail: Component) -> None:
    statement = make_statement(Phase.RESOLVED, ended_at=on(20, 11), components={mail.pk: MAJOR}, notify=None)
    incident = make_incident(statement=statement, started_at=on(20, 8))
    assert record(mail) == [(on(20, 8), MAJOR), (on(20, 11), OPERATIONAL)]
    assert (incident.started_at, incident.ended_at) == (on(20, 8), on(20, 11))
    assert not incident.updates.get().notify
    assert [step.status for step in story_of(incident).affected[0].steps] == [MAJOR, OPERATIONAL]


def test_planned_work_hides_no_outage_and_its_components_count_from_its_start(
    mail: Component, clock: time_machine.Traveller
) -> None:
    clock.move_to(on(9, 0))
    work = make_maintenance(start=on(10, 9), end=on(10, 15), components=(mail,))
    clock.move_to(NOW)
    incident = incident_on(mail, MAJOR, on(10, 11))
    make_update(work, Phase.IN_PROGRESS, at=on(10, 10))
    make_update(work, Phase.IN_PROGRESS, at=on(10, 13))  # a second report does not move its start
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(10, 12))
    make_update(work, Phase.COMPLETED, at=on(10, 16))
    assert record(mail) == [
        (on(10, 10), MAINTENANCE),
        (on(10, 11), MAJOR),
        (on(10, 12), MAINTENANCE),
        (on(10, 16), OPERATIONAL),
    ]
    work.refresh_from_db()
    assert (work.started_at, work.ended_at) == (on(10, 10), on(10, 16))


def test_work_that_was_cancelled_after_its_planned_start_never_counted(
    mail: Component, clock: time_machine.Traveller
) -> None:
    clock.move_to(on(9, 0))
    work = make_maintenance(start=on(10, 9), end=on(10, 15), components=(mail,))
    clock.move_to(NOW)
    make_update(work, Phase.CANCELLED, at=on(10, 12))
    assert record(mail) == []
    assert story_of(work).affected[0].steps == []


@pytest.mark.parametrize("publish_at", [None, NOW + timedelta(hours=5)])
def test_incident_that_is_published_later_affects_its_components_from_then_on(
    publish_at: datetime | None, mail: Component, clock: time_machine.Traveller
) -> None:
    statement = make_statement(publish_at=publish_at, components={mail.pk: MAJOR})
    kept = make_incident(statement=statement, draft=publish_at is None, started_at=NOW)
    clock.move_to(NOW + timedelta(hours=5))
    operations.publish_draft(by=ANYBODY, update=kept.updates.get())
    kept.refresh_from_db()
    assert kept.started_at == NOW + timedelta(hours=5)
    assert record(mail) == [(NOW + timedelta(hours=5), MAJOR)]


def test_backdated_start_of_a_draft_is_kept(mail: Component, clock: time_machine.Traveller) -> None:
    kept = incident_on_draft(mail, started_at=NOW - timedelta(hours=2))
    clock.shift(timedelta(hours=1))
    operations.publish_draft(by=ANYBODY, update=kept.updates.get())
    assert record(mail) == [(NOW - timedelta(hours=2), MAJOR)]


def incident_on_draft(component: Component, started_at: datetime) -> Incident:
    statement = make_statement(components={component.pk: MAJOR})
    return make_incident(statement=statement, draft=True, started_at=started_at)


def test_draft_that_is_published_later_shortens_no_recorded_outage(
    mail: Component, clock: time_machine.Traveller
) -> None:
    web = make_component("web")
    incident = incident_on_draft(web, started_at=NOW - timedelta(hours=2))
    clock.shift(timedelta(minutes=30))
    make_update(incident, components={mail.pk: MAJOR})
    clock.shift(timedelta(hours=1))
    operations.publish_draft(by=ANYBODY, update=incident.updates.get(published_at=None))
    assert record(mail) == [(NOW - timedelta(hours=2), MAJOR)]


def test_times_in_the_night_when_summer_time_ends_are_compared_as_moments(mail: Component) -> None:
    zone = ZoneInfo("Europe/Copenhagen")
    started, ended = datetime(2026, 10, 25, 2, 30, tzinfo=zone), datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=zone)
    statement = make_statement(Phase.RESOLVED, at=ended, components={mail.pk: MAJOR})
    make_incident(statement=statement, started_at=started)
    assert [at for at, _status in record(mail)] == [started.astimezone(UTC), ended.astimezone(UTC)]
    assert record(mail)[1][0] - record(mail)[0][0] == timedelta(minutes=40)


def undo(incident: Incident) -> None:
    operations.undo_update(by=ANYBODY, update=incident.updates.get())


def undo_and_discard(incident: Incident) -> None:
    operations.discard_draft(by=ANYBODY, update=operations.undo_update(by=ANYBODY, update=incident.updates.get()))


def withdraw(incident: Incident) -> None:
    operations.withdraw(by=ANYBODY, incident=incident)


@pytest.mark.parametrize("verb", [undo, undo_and_discard, withdraw])
def test_incident_that_is_taken_away_leaves_no_trace(verb: Callable[[Incident], None], mail: Component) -> None:
    web = make_component("web")
    incident_on(mail, DEGRADED, on(10, 10))
    operations.set_component_status(by=ANYBODY, component=web, status=PARTIAL, at=on(10, 11))
    before = everything()
    mistake = make_incident(
        statement=make_statement(at=on(10, 12), notify=True, components={mail.pk: MAJOR, web.pk: MAJOR}),
        started_at=on(9, 0),
    )
    assert everything() != before
    verb(mistake)
    assert everything() == before


def test_withdrawn_incident_and_a_resolved_one_leave_the_component_operational(mail: Component) -> None:
    outage, mistake = incident_on(mail, MAJOR, on(10, 10)), incident_on(mail, MAJOR, on(10, 11))
    operations.resolve(by=ANYBODY, incident=outage, text=OVER, at=on(10, 12))
    operations.withdraw(by=ANYBODY, incident=mistake)
    mail.refresh_from_db()
    assert mail.status == OPERATIONAL
    assert record(mail) == [(on(10, 10), MAJOR), (on(10, 12), OPERATIONAL)]


def test_moved_times_move_the_record_and_stay_after_a_postmortem(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(10, 14))
    times = {"started_at": on(10, 9), "ended_at": on(10, 13)}
    operations.edit_incident(by=ANYBODY, incident=incident, details=times)  # type: ignore[arg-type]
    make_update(incident, Phase.POSTMORTEM, at=on(12, 8))
    incident.refresh_from_db()
    assert incident.ended_at == on(10, 13)
    assert record(mail) == [(on(10, 9), MAJOR), (on(10, 13), OPERATIONAL)]


@pytest.mark.parametrize("ended_at", [None, on(10, 9), NOW + timedelta(hours=1)])
def test_wrong_end_is_refused(ended_at: datetime | None, mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(10, 14))
    with pytest.raises(ValidationError):
        operations.edit_incident(by=ANYBODY, incident=incident, details={"ended_at": ended_at})  # type: ignore[typeddict-item]
    assert record(mail) == [(on(10, 10), MAJOR), (on(10, 14), OPERATIONAL)]


def test_open_incident_is_ended_by_an_update_only(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    with pytest.raises(ValidationError) as refused:
        operations.edit_incident(by=ANYBODY, incident=incident, details={"ended_at": on(10, 12)})
    assert set(refused.value.message_dict) == {"ended_at"}


def test_reopened_incident_counts_again_from_its_reopening(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(10, 12))
    statement = make_statement(at=on(10, 13), components={mail.pk: PARTIAL})
    operations.reopen(by=ANYBODY, incident=incident, statement=statement)
    assert record(mail) == [(on(10, 10), MAJOR), (on(10, 12), OPERATIONAL), (on(10, 13), PARTIAL)]


def test_status_set_by_hand_neither_hides_an_incident_nor_ends_with_it(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    operations.set_component_status(by=ANYBODY, component=mail, status=DEGRADED, at=on(10, 11))
    operations.resolve(by=ANYBODY, incident=incident, text=OVER, at=on(10, 12))
    assert record(mail) == [(on(10, 10), MAJOR), (on(10, 12), DEGRADED)]
    back = operations.set_component_status(by=ANYBODY, component=mail, status=OPERATIONAL, at=on(10, 13))
    assert back.status == OPERATIONAL


def test_update_from_before_the_incident_is_refused_by_its_time(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    with pytest.raises(ValidationError) as refused:
        make_update(incident, at=on(10, 9))
    assert set(refused.value.message_dict) == {"at"}
    make_update(incident, at=on(10, 10) - timedelta(seconds=30))  # the minute that the form shows


def test_end_in_an_open_phase_is_refused(mail: Component) -> None:
    with pytest.raises(ValidationError) as refused:
        make_update(incident_on(mail, MAJOR, on(10, 10)), ended_at=on(10, 12))
    assert set(refused.value.message_dict) == {"ended_at"}


def test_final_update_affects_no_component(mail: Component) -> None:
    incident = incident_on(mail, MAJOR, on(10, 10))
    with pytest.raises(ValidationError) as refused:
        make_update(incident, Phase.RESOLVED, components={mail.pk: MAJOR})
    assert set(refused.value.message_dict) == {"components"}


def test_number_of_queries_of_an_update_does_not_depend_on_the_history(
    mail: Component, clock: time_machine.Traveller
) -> None:
    numbers = []
    for earlier in (1, 12):
        for _each in range(earlier):
            operations.resolve(by=ANYBODY, incident=incident_on(mail, PARTIAL, on(1, 0)), text=OVER, at=on(2, 0))
            operations.set_component_status(by=ANYBODY, component=mail, status=OPERATIONAL, at=on(1, 1))
        incident = incident_on(mail, MAJOR, on(10, 10))
        clock.shift(60)
        ComponentUpdate.objects.all().delete()  # merging into one that is held takes another query
        with CaptureQueriesContext(connection) as queries:
            make_update(incident, components={mail.pk: DEGRADED})
        numbers.append(len(queries))
        operations.withdraw(by=ANYBODY, incident=incident)
    assert numbers[0] == numbers[1]


def test_rebuild_from_a_moment_on_equals_a_whole_rebuild(mail: Component) -> None:
    outage = incident_on(mail, MAJOR, on(1, 0))
    for day in range(2, 6):
        operations.resolve(by=ANYBODY, incident=incident_on(mail, PARTIAL, on(day, 0)), text=OVER, at=on(day, 6))
        operations.set_component_status(by=ANYBODY, component=mail, status=DEGRADED, at=on(day, 3))
        operations.set_component_status(by=ANYBODY, component=mail, status=OPERATIONAL, at=on(day, 9))
    operations.resolve(by=ANYBODY, incident=outage, text=OVER, at=on(4, 1))
    whole = operations.derived_changes([mail.pk])[mail.pk]
    assert operations.stored_changes([mail.pk])[mail.pk] == whole
    for hours in range(0, 150, 3):
        since = on(1, hours)
        part = operations.derived_changes([mail.pk], since)[mail.pk]
        assert part == [change for change in whole if change.at >= since], since


def test_component_that_no_change_touches_keeps_its_rows(mail: Component) -> None:
    incident_on(mail, MAJOR, on(10, 10))
    ids = list(StatusChange.objects.values_list("pk", flat=True))
    incident_on(mail, DEGRADED, on(9, 0))
    assert set(ids) <= set(StatusChange.objects.values_list("pk", flat=True))
    assert Update.objects.count() == 2
