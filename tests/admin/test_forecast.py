"""The sentence of what will happen, and the warnings before publishing."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from incidents.admin.addresses import incident_page
from incidents.models import Incident, Update
from incidents.status import ComponentStatus
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_subscriber

pytestmark = pytest.mark.django_db
AUDIENCE = reverse("admin:incidents_incident_audience")
NEW = "/admin/incidents/incident/add/"


def forecast(client: Client, incident: Incident | None, **typed: str) -> str:
    page = client.get(incident_page(incident, "update") if incident else NEW, follow=True)
    before = Update.objects.count()
    query = f"?incident={incident.pk if incident else ''}"
    response = client.post(AUDIENCE + query, {**filled(page.context["form"]), **typed})
    assert response.status_code == 200
    assert Update.objects.count() == before
    return re.sub(r"\s+", " ", strip_tags(response.json()["html"])).replace("\xa0", " ").strip()


def local(value: datetime) -> str:
    return f"{value.astimezone(ZoneInfo('Europe/Copenhagen')):%Y-%m-%dT%H:%M}"


def test_it_says_how_many_are_notified_when_and_what_readers_see(publisher: Client) -> None:
    web = make_component("web")
    make_subscriber(language="da")
    said = forecast(publisher, None, **{f"component-{web.pk}": "major_outage", "phase": "identified"})
    assert "“Publish” puts this on the page at once. Subscribers are notified" in said
    assert "Reaches 1 person (Email, Danish: 1)." in said
    assert re.search(r"Readers see “Problem identified” \(web \(en\): Major outage\)\.", said)


def test_nobody_is_notified_of_a_backdated_update_unless_it_is_chosen(publisher: Client) -> None:
    make_subscriber()
    now = timezone.now()
    incident = make_incident(started_at=now - timedelta(hours=5))
    for minutes, notified in ((1, True), (9, True), (12, False)):
        said = forecast(publisher, incident, at=local(now - timedelta(minutes=minutes)))
        assert ("Reaches" in said, "Nobody is notified." in said) == (notified, not notified), minutes
    assert "Reaches" in forecast(publisher, incident, at=local(now - timedelta(hours=1)), although_backdated="on")
    assert "Nobody is notified." in forecast(publisher, incident, notify="no")


def test_schedule_is_announced_with_its_time(publisher: Client) -> None:
    said = forecast(publisher, make_incident(), publish_at="2999-01-01T12:00")
    assert "“Schedule” publishes this automatically" in said
    assert "2999" in said
    assert "Subscribers are notified then." in said


def test_missing_translation_is_said_before_publishing(publisher: Client) -> None:
    incident = make_incident()
    assert "Not everything is translated into English." in forecast(publisher, incident, text_da="Kun dansk")
    assert "Not everything" not in forecast(publisher, incident, text_da="Dansk", text_en="English")
    assert "Not everything" not in forecast(publisher, None)


def test_component_left_in_outage_by_a_final_update(publisher: Client) -> None:
    web = make_component("web")
    incident = make_incident(components={web: ComponentStatus.MAJOR_OUTAGE})
    said = forecast(publisher, incident, phase="resolved", **{f"component-{web.pk}": "major_outage"})
    assert "is still set to “Major outage”, although this is the final update." in said
    assert "is still set" not in forecast(
        publisher, incident, phase="resolved", **{f"component-{web.pk}": "operational"}
    )


def test_other_open_incident_on_the_same_component(publisher: Client) -> None:
    web = make_component("web")
    make_incident(components={web: ComponentStatus.DEGRADED_PERFORMANCE})
    worse = forecast(publisher, None, **{f"component-{web.pk}": "major_outage"})
    assert re.search(
        r"Something else affects web \(en\) already: Degraded performance because of “Mail is delayed”", worse
    )
    better = forecast(publisher, None, **{f"component-{web.pk}": "operational"})
    assert re.search(r"stays Degraded performance because of “Mail is delayed”", better)
    assert "Something else" not in forecast(publisher, None)


def test_time_before_the_incident_began(publisher: Client) -> None:
    incident = make_incident(started_at=datetime(2023, 10, 10, 8, 0, tzinfo=UTC))
    said = forecast(publisher, incident, at="2022-10-10T08:00")
    assert "is before the incident began" in said
    assert "the phase stays" in said
    assert "is before the incident began" in forecast(
        publisher, None, started_at="2023-10-10T08:00", ended_at="2023-10-09T08:00"
    )


def test_half_a_form_and_nonsense_are_answered(publisher: Client) -> None:
    incident = make_incident()
    for data in ({}, {"phase": "nonsense", "at": "x", "id": "\0"}, {"at": "2023-03-26T02:30"}):
        for query in ("", f"?incident={incident.pk}"):
            assert publisher.post(AUDIENCE + query, data).status_code in {200, 400, 404}, (data, query)


def test_reopening_is_checked_before_it_is_published(publisher: Client) -> None:
    incident = make_incident()
    address = incident_page(incident, "update")
    form = publisher.get(address, follow=True).context["form"]
    answer = publisher.post(address, {**filled(form), "text_da": "Tekst", "action": "check"}).content.decode()
    assert "Readers see “Problem identified”." in answer


def test_reader_of_the_newsroom_may_not_ask_about_a_form(client: Client) -> None:
    assert client.post(AUDIENCE, {}).status_code == 302
