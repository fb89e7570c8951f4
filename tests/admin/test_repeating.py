"""The form of a rule: it offers what fits the maintenance, and shows the next dates before it is saved."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.html import strip_tags

from incidents import operations, scheduler
from incidents.admin.addresses import incident_page
from incidents.models import Incident, MaintenanceSeries
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_incident, make_maintenance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
START = datetime(2027, 2, 28, 1, 30, tzinfo=UTC)  # a Sunday, the fourth and the last of its month; 02:30 in Copenhagen


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def maintenance() -> Incident:
    return make_maintenance(start=START, end=START + timedelta(hours=2))


def words(response: Any) -> str:
    text = re.sub(r"\s+", " ", strip_tags(response.content.decode()))
    return text.replace("\xa0", " ").replace("\u2060", "")


def chosen(client: Client, incident: Incident, **typed: Any) -> dict[str, Any]:
    form = client.get(incident_page(incident, "repeat")).context["form"]
    return {**filled(form), "weekdays": ["6"], **typed}


def show(client: Client, incident: Incident, **typed: Any) -> Any:
    return client.post(incident_page(incident, "repeat"), {**chosen(client, incident, **typed), "check": "1"})


def save(client: Client, incident: Incident, **typed: Any) -> Any:
    shown = show(client, incident, **typed).context["shown"]
    given = {**chosen(client, incident, **typed), "shown": shown, "save": "1"}
    return client.post(incident_page(incident, "repeat"), given, follow=True)


def test_next_ten_dates_are_shown_with_weekday_and_zone_before_anything_is_saved(
    publisher: Client, maintenance: Incident
) -> None:
    response = show(publisher, maintenance, pattern="last")
    assert len(response.context["dates"]) == 10
    said = words(response)
    assert "Every month on the last Sunday" in said
    assert "Sunday, 28 February 2027, 02:30–04:30 CET" in said
    assert "Sunday, 28 March 2027, 03:30–05:30 CEST The clocks skip its time of day" in said
    assert "Sunday, 31 October 2027, 02:30 CEST–03:30 CET Its time of day comes twice" in said
    assert not MaintenanceSeries.objects.exists()


def test_rule_is_saved_after_its_dates_were_shown(publisher: Client, maintenance: Incident) -> None:
    said = words(save(publisher, maintenance, pattern="weekly", every="2", until="2027-12-31", excluded="2027-03-14"))
    assert "It repeats: Every 2 weeks on Sunday, until 31 December 2027." in said
    series = MaintenanceSeries.objects.get()
    assert series.rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;UNTIL=20271231T235959"
    assert (series.excluded, series.next_day) == (["2027-03-14"], date(2027, 3, 28))


def test_rule_other_than_the_one_shown_is_shown_first(publisher: Client, maintenance: Incident) -> None:
    shown = show(publisher, maintenance, pattern="weekly").context["shown"]
    given = {**chosen(publisher, maintenance, pattern="monthday"), "shown": shown, "save": "1"}
    response = publisher.post(incident_page(maintenance, "repeat"), given)
    assert "Every month on day 28" in words(response)
    assert not MaintenanceSeries.objects.exists()


def test_only_patterns_of_its_day_are_offered(publisher: Client, maintenance: Incident) -> None:
    form = publisher.get(incident_page(maintenance, "repeat")).context["form"]
    assert [label for _value, label in form.fields["pattern"].choices] == [
        "Weekly",
        "Monthly on day 28",
        "Monthly on the fourth Sunday",
        "Monthly on the last Sunday",
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"pattern": "weekly", "weekdays": ["1"]}, "Sunday is the day of this maintenance"),
        ({"pattern": "weekly", "every": "0"}, "greater than or equal to 1"),
        ({"pattern": "weekly", "excluded": "24/12"}, "Write each day as 2027-12-24."),
        ({"pattern": "weekly", "excluded": "2027-02-28"}, "Cancel it instead"),
        ({"pattern": "yearly"}, "is not one of the available choices"),
        ({}, "This field is required"),
    ],
)
def test_wrong_choice_is_explained_beside_its_field(
    publisher: Client, maintenance: Incident, typed: dict[str, Any], said: str
) -> None:
    given = {"pattern": "", "every": "1", "weekdays": ["6"], **typed}
    response = publisher.post(incident_page(maintenance, "repeat"), {**given, "check": "1"})
    assert response.status_code == 422
    assert said in words(response)


def test_rule_that_ends_at_once_is_refused(publisher: Client, maintenance: Incident) -> None:
    response = save(publisher, maintenance, pattern="weekly", until="2027-03-01")
    assert "it takes place only once" in words(response)


def test_page_of_each_shows_the_series_and_what_follows(publisher: Client, maintenance: Incident) -> None:
    save(publisher, maintenance, pattern="weekly")
    scheduler.make_due_maintenance()
    said = words(publisher.get(incident_page(maintenance)))
    assert "Repeats Every week on Sunday 7 March 2027, 02:30–04:30 CET" in said
    assert "End the series" in said


def test_series_is_ended_after_a_question(publisher: Client, maintenance: Incident) -> None:
    save(publisher, maintenance, pattern="weekly")
    scheduler.make_due_maintenance()
    address = incident_page(maintenance, "end_series")
    assert "End the series here?" in words(publisher.get(address))
    assert "The series ends with this maintenance." in words(publisher.post(address, follow=True))
    assert "Nothing was done twice." in words(publisher.post(address, follow=True))
    assert Incident.objects.public().count() == 1
    assert "no more is planned" in words(publisher.get(incident_page(maintenance)))


def test_form_of_a_later_one_opens_with_the_rule_of_its_series(publisher: Client, maintenance: Incident) -> None:
    save(publisher, maintenance, pattern="weekly", every="2", excluded="2027-03-28")
    scheduler.make_due_maintenance()
    second = Incident.objects.public().get(series_day=date(2027, 3, 14))
    response = publisher.get(incident_page(second, "repeat"))
    form = response.context["form"]
    assert (form["every"].value(), form["pattern"].value(), form["excluded"].value()) == (2, "weekly", "2027-03-28")
    assert "applies to this maintenance and all that follow" in words(response)


def test_only_scheduled_maintenance_can_be_repeated(
    publisher: Client, viewer: Client, maintenance: Incident, clock: time_machine.Traveller
) -> None:
    address = incident_page(maintenance, "repeat")
    assert viewer.get(address).status_code == 403
    assert publisher.get(incident_page(make_incident(), "repeat")).request["PATH_INFO"].endswith("change/")
    clock.shift(timedelta(minutes=1))
    operations.cancel_maintenance(incident=maintenance, text=Text(en="No."), by=ANYBODY)
    assert "Only scheduled" in words(publisher.get(address))
