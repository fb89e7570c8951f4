"""One maintenance as a calendar file: opened again, it changes the event of the calendar and doubles none."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
import time_machine
import vobject
from django.utils import timezone, translation

from incidents import operations
from incidents.models import Page
from incidents.publishing.documents.base import Document, Edition, Subjects
from incidents.publishing.documents.calendar import Calendar, CalendarEvent
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_maintenance, make_page

pytestmark = pytest.mark.django_db

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
START = NOW + timedelta(days=2)
END = START + timedelta(hours=3)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        make_page()
        yield traveller


def parsed(document: Document, key: str = "") -> Any:
    """The document as `icalendar` parses it; vobject rejects what RFC 5545 does not allow."""
    with translation.override("da"), timezone.override("Europe/Copenhagen"):
        content = document.render(key, Edition(Page.objects.current(), "da"))
    assert isinstance(content, bytes)
    vobject.readOne(content.decode()).validate(raiseException=True)
    return icalendar.Calendar.from_ical(content)


def facts(calendar: Any) -> list[tuple[Any, ...]]:
    return [
        (event["uid"], event["sequence"], event["status"], event.decoded("dtstart"), event.decoded("dtend"),
         event.decoded("last-modified"))
        for event in calendar.walk("VEVENT")
    ]  # fmt: skip


def test_file_of_one_maintenance_moves_and_cancels_the_event_of_the_calendar(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    uid = f"{maintenance.pk}@status.example.dk"
    found = []
    later = {"scheduled_for": START + timedelta(days=1), "scheduled_until": END + timedelta(days=1)}
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: operations.move_maintenance(by=ANYBODY, incident=maintenance, details=later),  # type: ignore[arg-type]
        lambda: operations.cancel_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Nej."), notify=False),
    ]
    for step in steps:
        clock.shift(timedelta(minutes=5))
        step()
        assert facts(parsed(CalendarEvent(), maintenance.pk)) == facts(parsed(Calendar()))
        found += facts(parsed(CalendarEvent(), maintenance.pk))
    assert [(row[0], *row[2:5]) for row in found] == [
        (uid, "CONFIRMED", START, END),
        (uid, "CONFIRMED", *later.values()),
        (uid, "CANCELLED", *later.values()),
    ]
    assert parsed(CalendarEvent(), maintenance.pk)["method"] == "CANCEL"
    sequences = [row[1] for row in found]
    assert sequences == sorted(set(sequences))


def test_file_of_one_maintenance_is_published_by_an_organizer() -> None:
    Page.objects.update(name=Text(da='Drift "Nord"'))
    calendar = parsed(CalendarEvent(), make_maintenance(start=START, end=END).pk)
    [event] = calendar.walk("VEVENT")
    assert calendar["method"] == "PUBLISH"
    assert event["organizer"] == "mailto:status@example.dk"
    assert event["organizer"].params["CN"] == "Drift Nord"


def test_there_is_no_file_of_incidents_drafts_and_withdrawn_maintenance() -> None:
    incident, maintenance = make_incident(), make_maintenance(start=START, end=END)
    assert list(CalendarEvent().touched(Subjects(frozenset({f"incident:{incident.pk}"})))) == []
    assert list(CalendarEvent().all_keys()) == [maintenance.pk]
    operations.withdraw(by=ANYBODY, incident=maintenance)
    assert list(CalendarEvent().all_keys()) == []
    assert list(CalendarEvent().touched(Subjects(frozenset({f"incident:{maintenance.pk}"})))) == [maintenance.pk]
    assert CalendarEvent().render(maintenance.pk, Edition(Page.objects.current(), "da")) is None
