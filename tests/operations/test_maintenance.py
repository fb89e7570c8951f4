from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from incidents import operations
from incidents.models import Component, Incident, StaleSubject, Update
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_update

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START, END = NOW + timedelta(days=2), NOW + timedelta(days=2, hours=3)
DONE = Text(da="Færdig.", en="Done.")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def disk() -> Component:
    return make_component("disk")


@pytest.fixture
def maintenance(disk: Component, clock: time_machine.Traveller) -> Incident:
    planned = make_maintenance(start=START, end=END, components=(disk,))
    clock.shift(timedelta(minutes=1))  # of two updates in the same microsecond neither is the newer
    return planned


def test_planned_work_changes_no_component_before_it_begins(maintenance: Incident, disk: Component) -> None:
    disk.refresh_from_db()
    assert maintenance.phase == Phase.SCHEDULED
    assert disk.status == ComponentStatus.OPERATIONAL
    assert list(Incident.objects.upcoming()) == [maintenance]


def test_work_puts_its_components_under_maintenance_and_back(
    maintenance: Incident, disk: Component, clock: time_machine.Traveller
) -> None:
    clock.move_to(START)
    operations.start_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Vi går i gang."), notify=False)
    disk.refresh_from_db()
    assert disk.status == ComponentStatus.UNDER_MAINTENANCE
    clock.move_to(END)
    operations.complete_maintenance(by=ANYBODY, incident=maintenance, text=DONE, notify=False)
    disk.refresh_from_db()
    maintenance.refresh_from_db()
    assert disk.status == ComponentStatus.OPERATIONAL
    assert maintenance.phase == Phase.COMPLETED
    assert (maintenance.started_at, maintenance.ended_at) == (START, END)


def test_work_that_begins_in_another_month_than_planned_makes_both_stale(clock: time_machine.Traveller) -> None:
    late = make_maintenance(start=datetime(2026, 4, 1, 20, tzinfo=UTC), end=datetime(2026, 4, 1, 22, tzinfo=UTC))
    StaleSubject.objects.all().delete()
    clock.shift(60)
    operations.start_maintenance(by=ANYBODY, incident=late, text=Text(da="Vi går i gang før tid."), notify=False)
    months = set(StaleSubject.objects.filter(subject__startswith="month:").values_list("subject", flat=True))
    assert months == {"month:2026-03", "month:2026-04"}


def test_work_cancelled_before_it_began_touches_no_component(maintenance: Incident, disk: Component) -> None:
    operations.cancel_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Aflyst."), notify=False)
    maintenance.refresh_from_db()
    assert maintenance.phase == Phase.CANCELLED
    assert not disk.status_changes.exists()


@pytest.mark.parametrize("verb", [operations.complete_maintenance, operations.start_maintenance])
def test_finished_work_moves_no_further(maintenance: Incident, verb: Callable[..., Update]) -> None:
    operations.cancel_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Aflyst."), notify=False)
    with pytest.raises(ValidationError) as error:
        verb(incident=maintenance, text=DONE, by=ANYBODY)
    assert set(error.value.message_dict) == {"phase"}


def test_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError) as error:
        make_maintenance(start=END, end=START)
    assert set(error.value.message_dict) == {"scheduled_until"}
    assert not Incident.objects.exists()


def test_phase_of_an_incident_is_refused(maintenance: Incident) -> None:
    with pytest.raises(ValidationError) as error:
        make_update(maintenance, Phase.INVESTIGATING)
    assert set(error.value.message_dict) == {"phase"}
