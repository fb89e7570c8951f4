"""Maintenance in progress is extended or completed with one press, and subscribers are notified."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, AuditEntry, Incident, UpdateTemplate
from incidents.status import ComponentStatus, Kind, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance

pytestmark = pytest.mark.django_db
START = datetime(2023, 10, 10, 12, 0, tzinfo=UTC)  # 14:00 in Copenhagen
END = START + timedelta(hours=2)
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START - timedelta(minutes=30), tick=False) as traveller:
        yield traveller


@pytest.fixture
def maintenance(clock: time_machine.Traveller) -> Incident:
    """In progress for one hour, with one more to go."""
    planned = make_maintenance(start=START, end=END, components=(make_component("disk"),))
    clock.move_to(START)
    operations.start_maintenance(incident=planned, text=Text(en="Started."), by=ANYBODY)
    clock.shift(timedelta(hours=1))
    planned.refresh_from_db()
    return planned


def buttons(client: Client, incident: Incident) -> list[datetime]:
    context = client.get(incident_page(incident)).context
    return [end for _more, end in context["later_ends"]]


def extend(client: Client, incident: Incident, until: datetime | str, known: datetime = END) -> Any:
    typed = {"known": known.isoformat(), "until": until if isinstance(until, str) else until.isoformat()}
    return client.post(incident_page(incident, "extend"), typed, follow=True)


def end_of(incident: Incident) -> datetime | None:
    incident.refresh_from_db()
    return incident.scheduled_until


def test_one_press_moves_the_end_and_notifies_of_both_times(publisher: Client, maintenance: Incident) -> None:
    shown = publisher.get(incident_page(maintenance)).content.decode().replace("\xa0", " ")
    assert "30 minutes more, until" in shown
    extend(publisher, maintenance, END + HALF_HOUR)
    assert end_of(maintenance) == END + HALF_HOUR
    update = Announcement.objects.held().latest("pk").update
    assert "New time: 10 October 2023, 14:00–16:30 CEST" in update.text["en"]
    assert "Tidligere tidspunkt: " in update.text["da"]
    assert AuditEntry.objects.latest("pk").operation == "move_planned_end"


def test_press_that_is_repeated_does_nothing_twice(publisher: Client, maintenance: Incident) -> None:
    extend(publisher, maintenance, END + HALF_HOUR)
    updates = maintenance.updates.count()
    assert "Nothing was done twice" in extend(publisher, maintenance, END + HALF_HOUR).content.decode()
    assert (end_of(maintenance), maintenance.updates.count()) == (END + HALF_HOUR, updates)


def test_two_extensions_during_the_hold_are_one_message(publisher: Client, maintenance: Incident) -> None:
    extend(publisher, maintenance, END + HALF_HOUR)
    extend(publisher, maintenance, END + HALF_HOUR * 2, known=END + HALF_HOUR)
    moves = [one.update for one in Announcement.objects.held() if "New time" in one.update.text["en"]]
    assert len(moves) == 1
    assert "14:00–16:00" in moves[0].text["en"]
    assert end_of(maintenance) == END + HALF_HOUR * 2


def test_extension_can_be_undone(publisher: Client, maintenance: Incident) -> None:
    extend(publisher, maintenance, END + HALF_HOUR)
    held = Announcement.objects.held().latest("pk")
    publisher.post(incident_page(maintenance, "undo", held.pk))
    assert end_of(maintenance) == END


def test_page_that_is_out_of_date_does_not_shorten_what_a_colleague_extended(
    publisher: Client, maintenance: Incident
) -> None:
    extend(publisher, maintenance, END + timedelta(hours=2))
    said = extend(publisher, maintenance, END + HALF_HOUR).content.decode()
    assert "The planned end was changed in the meantime" in said
    assert end_of(maintenance) == END + timedelta(hours=2)


def test_extensions_count_from_now_once_the_planned_end_has_passed(
    publisher: Client, maintenance: Incident, clock: time_machine.Traveller
) -> None:
    clock.move_to(END + timedelta(hours=1, seconds=10))
    assert buttons(publisher, maintenance)[1] == END + timedelta(hours=1, minutes=31)


@pytest.mark.parametrize("until", ["", "soon", "2023-10-10T18:00", "2023-10-10T12:30:00+00:00", "2023-02-31T10:00Z"])
def test_wrong_end_changes_nothing_and_is_explained(publisher: Client, maintenance: Incident, until: str) -> None:
    response = extend(publisher, maintenance, until)
    assert response.status_code == 200
    assert 'class="error"' in response.content.decode()
    assert end_of(maintenance) == END


def test_extension_is_offered_only_while_the_maintenance_is_in_progress(
    publisher: Client, viewer: Client, maintenance: Incident
) -> None:
    assert "Complete now" not in viewer.get(incident_page(maintenance)).content.decode()
    operations.complete_maintenance(incident=maintenance, text=Text(en="Done."), by=ANYBODY)
    assert buttons(publisher, maintenance) == []
    assert "is not over can be moved" in extend(publisher, maintenance, END + HALF_HOUR).content.decode()


def test_maintenance_is_completed_early_with_one_press(publisher: Client, maintenance: Incident) -> None:
    text = Text(da="Vi er færdige.", en="We are done.")
    UpdateTemplate.objects.filter(phase=Phase.COMPLETED).delete()
    UpdateTemplate.objects.create(
        name=Text(en="Done"), kind=Kind.MAINTENANCE, phase=Phase.COMPLETED, text=text, position=0
    )
    address = incident_page(maintenance, "complete")
    publisher.post(address)
    maintenance.refresh_from_db()
    assert (maintenance.phase, maintenance.ended_at) == (Phase.COMPLETED, START + timedelta(hours=1))
    update = Announcement.objects.latest("pk").update
    assert update.text == text
    assert update.affected.get().status == ComponentStatus.OPERATIONAL
    assert "Nothing was done twice" in publisher.post(address, follow=True).content.decode()
    assert maintenance.updates.count() == 3


@pytest.mark.parametrize("phase", [Phase.SCHEDULED, Phase.CANCELLED])
def test_only_maintenance_in_progress_can_be_completed(publisher: Client, phase: Phase) -> None:
    planned = make_maintenance(start=START, end=END)
    if phase == Phase.CANCELLED:
        operations.cancel_maintenance(incident=planned, text=Text(en="Not today."), by=ANYBODY)
    said = publisher.post(incident_page(planned, "complete"), follow=True).content.decode()
    assert "this step is not possible" in said
