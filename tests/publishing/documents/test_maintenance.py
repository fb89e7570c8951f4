"""The list of maintenance: upcoming, in progress, past and cancelled."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone, translation

from incidents import operations
from incidents.models import Incident, Page
from incidents.publishing.documents import maintenance
from incidents.publishing.documents.base import Edition, Subjects
from incidents.publishing.documents.maintenance import MaintenanceList
from incidents.publishing.documents.pages import Home
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page
from tests.publishing.documents.rendering import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def running_time() -> Iterator[None]:
    """Let time run, so that updates have different times."""
    with time_machine.travel(NOW, tick=True):
        make_page()
        yield


def rendered(language: str = "en") -> str:
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        return MaintenanceList().render("", Edition(Page.objects.current(), language))


def part(html: str, name: str) -> str:
    """Return the text of a section of the page, or ""."""
    match = re.search(rf'<section class="part" aria-labelledby="{name}">(.*?)</section>', html, re.DOTALL)
    return words(match[1]) if match else ""


def planned(title: str, start: datetime = NOW + HOUR) -> Incident:
    return make_maintenance(start=start, end=start + HOUR, title=Text(en=title), components=(make_component(),))


def done(title: str, start: datetime = NOW - 3 * HOUR) -> Incident:
    incident = planned(title, start)
    operations.start_maintenance(by=ANYBODY, incident=incident, text=Text(en="Begun."), notify=False)
    operations.complete_maintenance(by=ANYBODY, incident=incident, text=Text(en="Done."), notify=False)
    return incident


def test_sections_list_the_next_and_the_newest_maintenance_first() -> None:
    make_incident(title=Text(en="No maintenance"))
    for title, start in (("Later", NOW + 9 * HOUR), ("Sooner", NOW + HOUR)):
        planned(title, start)
    for title, start in (("Before", NOW - 9 * HOUR), ("Lately", NOW - 3 * HOUR)):
        done(title, start)
    operations.start_maintenance(by=ANYBODY, incident=planned("Just now"), text=Text(en="Begun."), notify=False)
    html = rendered()
    ahead, past = part(html, "ahead"), part(html, "past")
    assert ahead.index("Sooner") < ahead.index("Later")
    assert past.index("Lately") < past.index("Before")
    assert re.search("Just now In progress · planned for 12 October 2023, 13:00–14:00 CEST", part(html, "ongoing"))
    assert "No maintenance" not in ahead + past


def test_upcoming_maintenance_is_listed_by_day_in_the_zone_of_the_page() -> None:
    for title, start in (("First", NOW + HOUR), ("Late", NOW + 11 * HOUR), ("Night", NOW + 12 * HOUR)):
        planned(title, start)
    ahead = part(rendered(), "ahead")
    found = [
        ahead.index(text) for text in ("Thursday 12 October 2023", "First", "Late", "Friday 13 October 2023", "Night")
    ]
    assert found == sorted(found)
    assert ahead.count("October 2023 ") >= 2
    assert "Torsdag 12. oktober 2023" in part(rendered("da"), "ahead")


def test_cancelled_maintenance_is_marked_and_has_its_planned_time() -> None:
    operations.cancel_maintenance(by=ANYBODY, incident=planned("Disk"), text=Text(en="Not needed."), notify=False)
    html = rendered()
    assert "Cancelled · planned for 12 October 2023, 13:00–14:00 CEST" in part(html, "past")
    assert "<strong>Cancelled</strong>" in html
    assert "Disk" not in part(html, "ahead")


@pytest.mark.parametrize(
    ("language", "ahead", "past"),
    [
        ("en", "Upcoming No maintenance is planned.", "Past None so far."),
        ("da", "Kommende Der er ikke planlagt vedligeholdelse.", "Tidligere Ingen endnu."),
    ],
)
def test_page_without_maintenance_has_a_note(language: str, ahead: str, past: str) -> None:
    make_maintenance(start=NOW + HOUR, end=NOW + 2 * HOUR)
    operations.withdraw(by=ANYBODY, incident=Incident.objects.get())
    html = rendered(language)
    assert (part(html, "ahead"), part(html, "past"), part(html, "ongoing")) == (ahead, past, "")


def test_calendar_can_be_subscribed_to_from_here() -> None:
    assert 'href="webcal://status.example.dk/da/maintenance.ics"' in rendered("da")


def test_long_list_of_past_maintenance_is_cut_and_links_to_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "PAST", 2)
    for number in range(3):
        done(f"Work {number}", NOW - number * HOUR)
    past = part(rendered(), "past")
    assert "Work 1" in past
    assert "Work 2" not in past
    assert past.endswith("See the history for older ones.")


def test_is_touched_by_maintenance_but_not_by_an_incident() -> None:
    def touched(incident: Incident) -> list[str]:
        return list(MaintenanceList().touched(Subjects(frozenset({f"incident:{incident.pk}", "day"}))))

    assert touched(planned("Disk")) == [""]
    assert touched(make_incident()) == []


def home() -> str:
    with translation.override("en"), timezone.override("Europe/Copenhagen"):
        return Home().render("", Edition(Page.objects.current(), "en"))


def test_home_page_shows_the_next_ten_and_links_to_the_others() -> None:
    for number in range(10):
        planned(f"Work {number}", NOW + (number + 1) * HOUR)
    assert "All planned maintenance" not in home()
    planned("The last one", NOW + 100 * HOUR)
    shown = part(home(), "planned")
    assert shown.endswith("All planned maintenance")
    assert "The last one" not in shown
    assert "Work 9" in shown


def test_home_page_does_not_call_planned_what_should_be_over() -> None:
    planned("Late")
    planned("Next", NOW + 9 * HOUR)
    Incident.objects.filter(title__en="Late").update(overdue="end")
    html = home()
    assert "Late" in part(html, "unreported")
    assert "Late" not in part(html, "planned")
