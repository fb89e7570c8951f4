"""The calendar as calendar programs parse it: valid for vobject and RFC 5545, and revised when plans change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import icalendar
import pytest
import recurring_ical_events
import time_machine
import vobject
from django.utils import timezone, translation

from incidents import operations
from incidents.models import Incident, Page
from incidents.publishing.documents.base import Edition, Subjects
from incidents.publishing.documents.calendar import Calendar
from incidents.recurrence import RepeatRule
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_update

pytestmark = pytest.mark.django_db

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
START = NOW + timedelta(days=2)
END = START + timedelta(hours=3)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        make_page()
        yield traveller


def rendered(language: str = "da") -> bytes:
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        return Calendar().render("", Edition(Page.objects.current(), language))


def calendar(language: str = "da") -> Any:
    """Parse it with vobject, which rejects what RFC 5545 does not allow."""
    read = vobject.readOne(rendered(language).decode())
    read.validate(raiseException=True)
    return read


def events(language: str = "da") -> list[Any]:
    result: list[Any] = calendar(language).contents.get("vevent", [])
    return result


def test_lines_end_with_crlf_and_are_folded_at_75_octets_between_characters() -> None:
    make_maintenance(
        start=START,
        end=END,
        title=Text(da="Blåbærgrød 🎉 " * 12, en="Word " * 30),
        components=(make_component("mail"),),
    )
    for language in ("da", "en"):
        content = rendered(language)
        assert content.endswith(b"END:VCALENDAR\r\n")
        assert b"\n" not in content.replace(b"\r\n", b"")
        lines = content.split(b"\r\n")
        assert max(map(len, lines)) == 75
        assert all(line.decode() is not None for line in lines)
    assert events()[0].summary.value == ("Blåbærgrød 🎉 " * 12).strip()


@pytest.mark.parametrize("length", [74, 75, 76, 149, 150])
def test_folded_line_is_unfolded_to_the_same_text(length: int) -> None:
    line = "SUMMARY;LANGUAGE=da:".ljust(20 + length % 2, "x")
    line += "ø" * ((length - len(line)) // 2)
    make_maintenance(start=START, end=END, title=Text(da=line[20:]))
    text = rendered().decode()
    assert f"\r\n{line}\r\n" in text.replace("\r\n ", "")
    assert max(len(piece.encode()) for piece in text.split("\r\n")) <= 75


def test_planned_maintenance_is_a_transparent_event_with_its_window() -> None:
    maintenance = make_maintenance(start=START, end=END, components=(make_component("mail", name=Text(da="Mail")),))
    [event] = events()
    assert event.uid.value == f"{maintenance.pk}@status.example.dk"
    assert (event.dtstart.value, event.dtend.value) == (START, END)
    assert event.summary.value == "Udskiftning af disk"
    assert event.url.value == f"https://status.example.dk/da/incidents/{maintenance.pk}/"
    assert (event.status.value, event.transp.value) == ("CONFIRMED", "TRANSPARENT")
    assert event.description.value == f"Berørte systemer: Mail\n\nVi har fundet fejlen.\n\n{event.url.value}"


def test_calendar_has_its_name_and_refresh_interval_and_is_no_invitation() -> None:
    text = rendered("en").decode()
    for line in (
        "VERSION:2.0",
        "NAME;LANGUAGE=en:Nordhost status: planned maintenance",
        "X-WR-CALNAME:Nordhost status: planned maintenance",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "SOURCE;VALUE=URI:https://status.example.dk/en/maintenance.ics",
    ):
        assert f"{line}\r\n" in text
    assert text.count("PRODID:") == 1
    for word in ("METHOD", "ORGANIZER", "ATTENDEE"):
        assert word not in text


def test_each_language_has_its_own_texts_and_marks_untranslated_ones() -> None:
    make_maintenance(start=START, end=END, title=Text(da="Kun på dansk"))
    assert b"SUMMARY;LANGUAGE=da:Kun p\xc3\xa5 dansk\r\n" in rendered("da")
    assert events("en")[0].summary.value == "Kun på dansk (in Danish)"
    assert events("en")[0].uid.value == events("da")[0].uid.value


def test_postponed_maintenance_is_a_revision_of_the_same_event(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    [before] = events()
    clock.shift(timedelta(minutes=5))
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"scheduled_until": END + timedelta(hours=2)})
    [after] = events()
    assert after.uid.value == before.uid.value
    assert after.dtend.value == END + timedelta(hours=2)
    assert int(after.sequence.value) > int(before.sequence.value) >= 0
    assert after.dtstamp.value == after.last_modified.value == NOW + timedelta(minutes=5)


def test_new_title_is_a_revision_of_the_event(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    [before] = events()
    clock.shift(timedelta(minutes=5))
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"title": Text(da="Udskiftning af to diske")})
    [after] = events()
    assert after.summary.value == "Udskiftning af to diske"
    assert int(after.sequence.value) > int(before.sequence.value)


def test_two_revisions_within_one_second_have_different_numbers(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    sequences = [int(events()[0].sequence.value)]
    for hours in (1, 2):
        clock.shift(timedelta(milliseconds=200))
        operations.edit_incident(
            by=ANYBODY, incident=maintenance, details={"scheduled_until": END + timedelta(hours=hours)}
        )
        sequences.append(int(events()[0].sequence.value))
    assert sequences == sorted(set(sequences))


def test_update_and_its_correction_revise_the_event(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    sequences = [int(events()[0].sequence.value)]
    clock.shift(timedelta(minutes=1))
    update = make_update(maintenance, Phase.SCHEDULED, text=Text(da="Vi begynder senere."))
    sequences.append(int(events()[0].sequence.value))
    clock.shift(timedelta(minutes=1))
    operations.correct_update(by=ANYBODY, update=update, text=Text(da="Vi begynder før."))
    sequences.append(int(events()[0].sequence.value))
    assert sequences == sorted(set(sequences))
    assert "Vi begynder før." in events()[0].description.value


def test_cancelled_maintenance_stays_for_a_year_marked_as_cancelled(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    [before] = events()
    clock.shift(timedelta(hours=1))
    operations.cancel_maintenance(
        by=ANYBODY, incident=maintenance, text=Text(da="Det bliver ikke til noget."), notify=False
    )
    [event] = events()
    assert (event.uid.value, event.status.value) == (before.uid.value, "CANCELLED")
    assert (event.dtstart.value, event.dtend.value) == (START, END)
    assert event.summary.value == "Aflyst: Udskiftning af disk"
    assert int(event.sequence.value) > int(before.sequence.value)
    clock.shift(timedelta(days=364))
    assert len(events()) == 1
    clock.shift(timedelta(days=2))
    assert events() == []


def test_event_has_the_actual_times_once_the_maintenance_has_started(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    clock.move_to(START + timedelta(minutes=20))
    operations.start_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Vi begynder."), notify=False)
    [event] = events()
    assert (event.dtstart.value, event.dtend.value) == (START + timedelta(minutes=20), END)
    clock.shift(timedelta(hours=1))
    operations.complete_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Færdigt."), notify=False)
    [event] = events()
    assert (event.dtend.value, event.status.value) == (START + timedelta(minutes=80), "CONFIRMED")


def test_event_that_starts_after_its_planned_end_has_a_positive_duration(clock: time_machine.Traveller) -> None:
    maintenance = make_maintenance(start=START, end=END)
    clock.move_to(END + timedelta(hours=1))
    operations.start_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Nu."), notify=False)
    [event] = events()
    assert event.dtend.value > event.dtstart.value


def test_calendar_without_maintenance_is_valid() -> None:
    make_incident()
    operations.withdraw(by=ANYBODY, incident=make_maintenance(start=START, end=END))
    assert events() == []
    assert rendered() == rendered()


def test_special_characters_are_escaped(clock: time_machine.Traveller) -> None:
    typed = Text(da="a, b; c\\n \\d \\N: d")
    maintenance = make_maintenance(start=START, end=END, title=typed)
    clock.shift(timedelta(minutes=1))
    make_update(maintenance, Phase.SCHEDULED, text=Text(da="En.\r\n\r\nTo \x0b, tre; fire"))
    [event] = events()
    assert event.summary.value == "a, b; c\\n \\d \\N: d"
    assert event.description.value.startswith("En.\n\nTo , tre; fire\n\nhttps://")


def test_is_touched_by_maintenance_and_a_new_day_but_not_by_an_incident() -> None:
    def touched(*names: str) -> list[str]:
        return list(Calendar().touched(Subjects(frozenset(names))))

    maintenance = make_maintenance(start=START, end=END)
    assert touched(f"incident:{maintenance.pk}") == [""]
    assert touched("day") == [""]
    assert touched(f"incident:{make_incident().pk}", "component:abcdefabcdef") == []


def test_other_programs_read_the_dates_of_a_series_as_we_mean_them(clock: time_machine.Traveller) -> None:
    first = datetime(2023, 10, 15, 0, 30, tzinfo=UTC)  # 02:30 in Copenhagen, where the clocks change on the 29th
    hour = timedelta(hours=1)
    incident = make_maintenance(start=first, end=first + hour)
    rule = RepeatRule(date(2023, 10, 15), time(2, 30), hour, "Europe/Copenhagen", weekdays=(6,))
    operations.repeat_maintenance(incident=incident, rule=rule, by=ANYBODY)
    operations.make_due_maintenance(date(2023, 10, 12))
    clock.shift(timedelta(minutes=1))
    moved = Incident.objects.get(series_day=date(2023, 11, 5))
    assert moved.scheduled_until is not None
    until = moved.scheduled_until + hour
    operations.move_maintenance(incident=moved, details={"scheduled_until": until}, by=ANYBODY)
    read = recurring_ical_events.of(icalendar.Calendar.from_ical(rendered())).between(NOW, NOW + timedelta(weeks=9))
    found = sorted((event.start.astimezone(UTC), event.end.astimezone(UTC)) for event in read)
    expected = [(one.start, one.end + (one.day == date(2023, 11, 5)) * hour) for one in rule.next_occurrences(8)]
    assert found == expected
    assert len({event["UID"] for event in read}) == len(read)
