"""Programs write, publish and take back the postmortem of an incident."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from incidents.api import answers
from incidents.models import Announcement, Incident
from incidents.status import Phase
from tests.factories import make_incident, make_maintenance, make_update
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def incident(clock: time_machine.Traveller) -> Incident:
    """One that is over."""
    incident = make_incident()
    clock.shift(timedelta(hours=1))
    make_update(incident, Phase.RESOLVED)
    clock.shift(timedelta(hours=1))
    return incident


def draft(client: ApiClient, incident: Incident, text: str = "Disken var fuld.") -> None:
    given = {"body_draft": text, "translations": {"en": {"body": "The disk was full."}}}
    answer = client.send("PUT", f"/incidents/{incident.pk}/postmortem", {"postmortem": given})
    assert answer.status_code == 200, answer.content
    answers.Postmortem.model_validate(answer.json())
    assert (answer.json()["body_draft"], answer.json()["published_at"]) == (text, None)


def test_postmortem_is_drafted_rewritten_and_published_without_a_message(api: Api, incident: Incident) -> None:
    client, address = api("publish"), f"/incidents/{incident.pk}/postmortem"
    before = Announcement.objects.count()
    assert client.get(address).status_code == 404
    draft(client, incident)
    draft(client, incident, "Disken løb fuld.")
    assert client.get(f"/incidents/{incident.pk}").json()["postmortem_body"] is None
    answer = client.send("PUT", f"{address}/publish", {"postmortem": {}})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["body"], answer.json()["body_draft"]) == ("Disken løb fuld.", None)
    assert dict(incident.updates.get(phase=Phase.POSTMORTEM).text)["en"] == "The disk was full."
    found = client.get(f"/incidents/{incident.pk}").json()
    assert (found["postmortem_body"], found["postmortem_notified_subscribers"]) == ("Disken løb fuld.", False)
    assert found["postmortem_published_at"] == found["postmortem_body_last_updated_at"]
    assert Announcement.objects.count() == before


def test_published_postmortem_is_announced_on_request_and_can_be_taken_back(api: Api, incident: Incident) -> None:
    client, address = api("publish"), f"/incidents/{incident.pk}/postmortem"
    draft(client, incident)
    published = client.send("PUT", f"{address}/publish", {"postmortem": {"notify_subscribers": True}}).json()
    assert published["notify_subscribers"] is True
    answer = client.send("PUT", f"{address}/revert")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["body"], answer.json()["body_draft"]) == (None, "Disken var fuld.")
    assert client.send("DELETE", address).status_code == 204
    assert client.get(address).status_code == 404


def test_public_postmortem_is_neither_rewritten_nor_deleted_nor_quietly_taken_back(
    api: Api, incident: Incident
) -> None:
    client, address = api("publish"), f"/incidents/{incident.pk}/postmortem"
    draft(client, incident)
    assert client.send("PUT", f"{address}/publish").status_code == 200
    again = {"postmortem": {"body_draft": "Andet."}}
    for method, path, body in (("PUT", address, again), ("DELETE", address, None), ("PUT", f"{address}/revert", None)):
        answer = client.send(method, path, body)
        assert (answer.status_code, bool(answer.json()["error"])) == (422, True)
    assert client.send("PUT", f"{address}/publish").status_code == 404


def test_maintenance_and_open_incidents_have_no_postmortem_to_publish(api: Api) -> None:
    client, given = api("publish"), {"postmortem": {"body_draft": "Hvorfor."}}
    work = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))
    assert client.send("PUT", f"/incidents/{work.pk}/postmortem", given).status_code == 422
    incident = make_incident()
    assert client.send("PUT", f"/incidents/{incident.pk}/postmortem", given).status_code == 422


def test_draft_scope_writes_a_postmortem_but_does_not_publish_it(api: Api, incident: Incident) -> None:
    client = api("draft")
    draft(client, incident)
    assert client.send("PUT", f"/incidents/{incident.pk}/postmortem/publish").status_code == 403
