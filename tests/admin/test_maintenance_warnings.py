"""The form warns of a planned time that is likely an oversight."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries, Settings

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.business_hours import BusinessHours
from incidents.models import Component, Incident
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_maintenance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NOW = datetime(2026, 12, 22, 12, 0, tzinfo=UTC)  # a Tuesday, 13:00 in Copenhagen
EVENING = NOW + timedelta(hours=9)  # 22:00
NEW = reverse("admin:incidents_maintenance_add")
AUDIENCE = reverse("admin:incidents_maintenance_audience")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def disk() -> Component:
    return make_component("disk")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", strip_tags(html)).replace("\xa0", " ").replace("\u2060", "").strip()


def opening(client: Client, start: str, end: str, *components: Component) -> str:
    """What the composer says of maintenance at this local time."""
    form = filled(client.get(NEW).context["form"])
    chosen = {f"component-{one.pk}": "under_maintenance" for one in components}
    return text_of(
        client.post(AUDIENCE, {**form, **chosen, "scheduled_for": start, "scheduled_until": end}).json()["html"]
    )


def editing(client: Client, incident: Incident, **typed: str) -> str:
    form = filled(client.get(incident_page(incident, "details")).context["form"])
    address = f"{AUDIENCE}?incident={incident.pk}&details=1"
    return text_of(client.post(address, {**form, **typed}).json()["html"])


def test_ordinary_time_gets_no_warning(publisher: Client, disk: Component, settings: Settings) -> None:
    settings.PUBLIC_HOLIDAYS, settings.BUSINESS_HOURS = "DK", BusinessHours.parse("Mon-Fri 08:00-17:00")
    make_maintenance(start=NOW, end=NOW + timedelta(days=9), components=(make_component("mail"),))
    said = opening(publisher, "2026-12-22T22:00", "2026-12-23T02:00", disk)
    assert not re.search("planned|passed|holiday|business", said)


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("2026-12-22T08:00", "2026-12-22T10:00", "The planned time has passed."),
        ("2026-12-22T12:30", "2026-12-22T14:00", "The planned start has passed."),
        ("2026-12-22T22:00", "2026-12-24T01:00", "It is planned to take 1 day and 3 hours."),
    ],
)
def test_time_that_has_passed_or_is_long_is_pointed_out(publisher: Client, start: str, end: str, sentence: str) -> None:
    assert sentence in opening(publisher, start, end)


def test_reminder_that_comes_too_late_is_pointed_out(publisher: Client, disk: Component) -> None:
    said = opening(publisher, "2026-12-23T12:00", "2026-12-23T14:00")
    assert "It starts in less than 1 day: there is no reminder that long before." in said
    assert "less than 1 hour" not in said
    start = datetime(2027, 1, 22, 21, 0, tzinfo=UTC)
    incident = make_maintenance(start=start, end=start + timedelta(hours=1), remind_week_before=True)
    moved = {"scheduled_for": "2026-12-28T22:00", "scheduled_until": "2026-12-28T23:00"}
    assert "It starts in less than 7 days: " in editing(publisher, incident, **moved)
    assert "It starts in less than" not in editing(publisher, incident, **moved, remind_week_before="")


def test_public_holidays_are_named_in_the_language_of_staff(publisher: Client, settings: Settings) -> None:
    settings.PUBLIC_HOLIDAYS = "DK"
    said = opening(publisher, "2026-12-24T23:00", "2026-12-25T00:00")
    assert "public holiday" not in said
    said = opening(publisher, "2026-12-24T23:00", "2026-12-26T01:00")
    assert "25 December 2026 is a public holiday: Christmas Day." in said
    assert "26 December 2026 is a public holiday: Second Day of Christmas." in said
    publisher.defaults["HTTP_ACCEPT_LANGUAGE"] = "da"
    assert "25. december 2026 er en helligdag: Juledag." in opening(publisher, "2026-12-25T10:00", "2026-12-25T11:00")


def test_unknown_place_is_said_and_breaks_nothing(
    publisher: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PUBLIC_HOLIDAYS = "XX"
    assert "names no known place" in opening(publisher, "2026-12-25T10:00", "2026-12-25T11:00")
    assert "PUBLIC_HOLIDAYS" in caplog.text


def test_business_hours_are_pointed_out(publisher: Client, settings: Settings) -> None:
    settings.BUSINESS_HOURS = BusinessHours.parse("Mon-Fri 08:00-17:00")
    assert "It is within business hours: 23 December 2026." in opening(
        publisher, "2026-12-22T22:00", "2026-12-23T08:30"
    )
    assert "business hours" not in opening(publisher, "2026-12-26T10:00", "2026-12-26T11:00")  # a Saturday


def test_other_maintenance_and_open_incidents_of_the_same_component_are_named(
    publisher: Client, disk: Component, clock: time_machine.Traveller
) -> None:
    other = make_maintenance(
        title=Text(en="New router"), start=EVENING, end=EVENING + timedelta(hours=1), components=(disk,)
    )
    cancelled = make_maintenance(
        title=Text(en="Old"), start=EVENING, end=EVENING + timedelta(hours=1), components=(disk,)
    )
    clock.shift(timedelta(minutes=1))
    operations.cancel_maintenance(incident=cancelled, text=Text(en="No."), by=ANYBODY)
    make_incident(title=Text(en="Disk is slow"), components={disk: ComponentStatus.DEGRADED_PERFORMANCE})
    said = opening(publisher, "2026-12-22T22:30", "2026-12-22T23:30", disk)
    assert "“New router” is planned for 22 December 2026, 22:00–23:00 CET and affects disk (en), too." in said
    assert "“Disk is slow” is not over and affects disk (en), too." in said
    assert "Old" not in said
    assert "New router" not in opening(publisher, "2026-12-22T23:00", "2026-12-22T23:30", disk)  # right after it
    assert "New router" not in editing(publisher, other, scheduled_until="2026-12-22T23:15")  # itself


def test_new_time_of_public_maintenance_is_examined(publisher: Client, disk: Component, settings: Settings) -> None:
    settings.BUSINESS_HOURS = BusinessHours.parse("Mon-Fri 08:00-17:00")
    incident = make_maintenance(start=EVENING, end=EVENING + timedelta(hours=1), components=(disk,))
    make_maintenance(title=Text(en="Backup"), start=EVENING, end=EVENING + timedelta(days=2), components=(disk,))
    for notify in ("yes", "no"):
        said = editing(publisher, incident, scheduled_until="2026-12-24T09:00", notify=notify)
        assert "within business hours: 23 December 2026" in said
        assert "“Backup” is planned" in said
        assert "It is planned to take 1 day and 11 hours." in said
    assert "“Backup” is planned" not in editing(publisher, incident, title_en="Other title")


def test_number_of_queries_does_not_grow_with_the_overlaps(
    publisher: Client, disk: Component, django_assert_num_queries: DjangoAssertNumQueries
) -> None:

    def plan(number: int) -> None:
        title = Text(en=f"No. {number}")
        make_maintenance(title=title, start=EVENING, end=EVENING + timedelta(hours=1), components=(disk,))

    plan(0)
    opening(publisher, "2026-12-22T22:30", "2026-12-22T23:30", disk)
    with CaptureQueriesContext(connection) as with_one:
        opening(publisher, "2026-12-22T22:30", "2026-12-22T23:30", disk)
    for number in range(1, 8):
        plan(number)
    with django_assert_num_queries(len(with_one)):
        said = opening(publisher, "2026-12-22T22:30", "2026-12-22T23:30", disk)
    assert said.count("is planned for") == 5
    assert "Other maintenance or incidents affect the same systems as well." in said


@pytest.mark.parametrize("value", ["8-17", "Mon-Fri 8:00-17:00", "Fri-Mon 08:00-17:00", "Mon-Fri 17:00-08:00"])
def test_wrong_business_hours_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        BusinessHours.parse(value)
