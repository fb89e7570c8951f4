"""Programs open, update, correct and withdraw incidents, as clients of Statuspage do."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections

from incidents.models import Announcement, AuditEntry, Component, Incident, Update
from incidents.publishing import stale
from incidents.status import Phase
from tests.factories import make_component, make_incident, make_maintenance, make_update
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Api = Callable[..., ApiClient]


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_incident_is_opened_with_its_components_in_both_languages(api: Api) -> None:
    mail = make_component("mail")
    given = {
        "name": "Mail er forsinket",
        "status": "identified",
        "body": "Vi ved hvorfor.",
        "components": {mail.pk: "major_outage"},
        "translations": {"en": {"name": "Mail is delayed", "body": "We know why."}},
    }
    answer = api("publish", "read").post("/incidents", {"incident": given})
    assert answer.status_code == 201, answer.content
    found = answer.json()
    incident = Incident.objects.get(pk=found["id"])
    assert dict(incident.title) == {"da": "Mail er forsinket", "en": "Mail is delayed"}
    assert dict(incident.updates.get().text) == {"da": "Vi ved hvorfor.", "en": "We know why."}
    assert (found["name"], found["status"], found["impact"]) == ("Mail er forsinket", "identified", "critical")
    assert found["incident_updates"][0]["affected_components"][0]["new_status"] == "major_outage"
    assert found["components"][0]["status"] == "major_outage"
    assert Announcement.objects.count() == 1
    entry = AuditEntry.objects.filter(operation="open_incident").get()
    assert entry.actor_kind == "token"


def test_update_without_a_body_says_the_phase_and_resolves(api: Api, clock: time_machine.Traveller) -> None:
    mail = make_component("mail")
    client = api("publish", "read")
    opened = client.post("/incidents", {"incident": {"name": "Fejl", "components": {mail.pk: "partial_outage"}}}).json()
    clock.shift(HOUR)
    answer = client.patch(f"/incidents/{opened['id']}", {"incident": {"status": "resolved"}})
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "resolved"
    assert dict(Update.objects.get(phase=Phase.RESOLVED).text) == {"da": "Løst.", "en": "Resolved."}
    mail.refresh_from_db()
    assert mail.status == "operational"


def test_update_promises_the_next_one(api: Api) -> None:
    incident = make_incident()
    given = {"body": "Vi leder.", "next_update_by": (NOW + HOUR).isoformat()}
    assert api("publish").patch(f"/incidents/{incident.pk}", {"incident": given}).status_code == 200
    incident.refresh_from_db()
    assert incident.next_update_by == NOW + HOUR


def test_title_and_impact_change_without_an_update(api: Api) -> None:
    incident = make_incident()
    given = {"incident": {"name": "Andet", "impact_override": "major"}}
    assert api("publish", "read").send("PUT", f"/incidents/{incident.pk}", given).status_code == 200
    incident.refresh_from_db()
    assert (incident.title["da"], incident.impact, incident.updates.count()) == ("Andet", "major", 1)
    assert incident.title["en"] == "Mail is delayed"


def test_form_bodies_and_the_suffix_json_are_understood(api: Api) -> None:
    mail = make_component("mail")
    client = api("publish", "read")
    answer = client.client.post(
        f"/api/v1/pages/{client.page}/incidents.json",
        {
            "incident[name]": "Fejl",
            "incident[status]": "investigating",
            f"incident[components][{mail.pk}]": "degraded_performance",
            "incident[component_ids][]": [mail.pk],
            "incident[deliver_notifications]": "false",
        },
        headers={"Authorization": f"Bearer {client.secret}", "Idempotency-Key": "a"},
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["impact"] == "minor"
    assert Announcement.objects.count() == 0


def test_maintenance_is_scheduled_moved_and_completed(api: Api, clock: time_machine.Traveller) -> None:
    disk = make_component("disk")
    client = api("publish", "read")
    given = {
        "name": "Diskskifte",
        "body": "Vi skifter en disk.",
        "scheduled_for": "2026-03-03T22:00:00",
        "scheduled_until": "2026-03-04T00:00:00+01:00",
        "scheduled_auto_in_progress": True,
        "component_ids": [disk.pk],
    }
    answer = client.post("/incidents", {"incident": given})
    assert answer.status_code == 201, answer.content
    found = answer.json()
    assert found["status"] == "scheduled"
    assert found["scheduled_for"] == "2026-03-03T22:00:00.000+01:00"
    assert (found["scheduled_auto_in_progress"], found["scheduled_auto_completed"]) == (True, False)
    assert [row["id"] for row in client.get("/incidents/upcoming").json()] == [found["id"]]
    clock.shift(HOUR)
    later = {"scheduled_until": "2026-03-04T02:00:00+01:00"}
    assert client.patch(f"/incidents/{found['id']}", {"incident": later}).status_code == 200
    assert Update.objects.count() == 2
    clock.move_to(datetime(2026, 3, 3, 21, 5, tzinfo=UTC))
    assert client.patch(f"/incidents/{found['id']}", {"incident": {"status": "in_progress"}}).status_code == 200
    disk.refresh_from_db()
    assert disk.status == "under_maintenance"
    assert [row["id"] for row in client.get("/incidents/active_maintenance").json()] == [found["id"]]
    clock.shift(HOUR)
    assert client.patch(f"/incidents/{found['id']}", {"incident": {"status": "completed"}}).json()["resolved_at"]
    disk.refresh_from_db()
    assert disk.status == "operational"


@pytest.mark.parametrize("name", ["components", "component_ids"])
def test_components_may_be_a_list_of_ids(api: Api, name: str) -> None:
    client, mail = api("publish"), make_component("mail")
    found = client.post("/incidents", {"incident": {"name": "Fejl", name: [mail.pk]}}).json()
    assert [one["id"] for one in found["components"]] == [mail.pk]
    form = {"incident[name]": "Fejl", f"incident[{name}][]": [mail.pk]}
    answer = client.client.post(
        f"/api/v1/pages/{client.page}/incidents", form, headers={"Authorization": f"OAuth {client.secret}"}
    )
    assert [one["id"] for one in answer.json()["components"]] == [mail.pk]


@pytest.mark.parametrize("wanted", [True, False])
def test_reminder_is_an_hour_before_or_none(api: Api, *, wanted: bool) -> None:
    planned = {"scheduled_for": "2026-03-12T22:00:00Z", "scheduled_until": "2026-03-12T23:00:00Z"}
    given = {"incident": {"name": "Diskskifte", **planned, "scheduled_remind_prior": wanted}}
    found = api("publish", "read").post("/incidents", given).json()
    assert found["scheduled_remind_prior"] is wanted
    incident = Incident.objects.get()
    assert (incident.remind_hour_before, incident.remind_day_before) == (wanted, False)


def test_what_is_over_is_reopened(api: Api, clock: time_machine.Traveller) -> None:
    client = api("publish", "read")
    incident = make_incident()
    for status in ("resolved", "investigating"):
        clock.shift(HOUR)
        answer = client.patch(f"/incidents/{incident.pk}", {"incident": {"status": status, "body": "Nyt."}})
        assert answer.json()["status"] == status


def test_draft_does_not_reopen_what_is_over(api: Api, clock: time_machine.Traveller) -> None:
    incident = make_incident()
    clock.shift(HOUR)
    make_update(incident, Phase.RESOLVED)
    given = {"status": "investigating", "body": "Nyt.", "draft": True}
    answer = api("publish", "read").patch(f"/incidents/{incident.pk}", {"incident": given})
    assert answer.status_code == 422
    incident.refresh_from_db()
    assert incident.is_over


def test_backfilled_incident_is_over_and_notifies_nobody(api: Api) -> None:
    given = {"name": "I går", "body": "Det var kort.", "backfilled": True, "backfill_date": "2026-02-01"}
    found = api("publish", "read").post("/incidents", {"incident": given}).json()
    assert (found["status"], found["started_at"][:10]) == ("resolved", "2026-02-01")
    assert Announcement.objects.count() == 0


def test_lists_are_filtered_and_paged(api: Api) -> None:
    incident, planned = make_incident(), make_maintenance(start=NOW + HOUR, end=NOW + 2 * HOUR)
    client = api("read")
    assert {row["id"] for row in client.get("/incidents").json()} == {incident.pk, planned.pk}
    assert [row["id"] for row in client.get("/incidents/unresolved").json()] == [incident.pk]
    assert [row["id"] for row in client.get("/incidents/scheduled.json").json()] == [planned.pk]
    assert [row["id"] for row in client.get("/incidents?q=delayed").json()] == [incident.pk]
    pages = [client.get(f"/incidents?limit=1&page={page}").json() for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [1, 1, 0]
    assert client.get("/incidents?limit=0").status_code == 422


def test_deleted_incident_is_withdrawn(api: Api) -> None:
    incident = make_incident()
    client = api("publish", "read")
    assert client.send("DELETE", f"/incidents/{incident.pk}").json()["id"] == incident.pk
    incident.refresh_from_db()
    assert incident.is_withdrawn
    assert client.get(f"/incidents/{incident.pk}").status_code == 404


def test_update_is_corrected_in_one_language(api: Api) -> None:
    incident = make_incident()
    update = incident.updates.get()
    path = f"/incidents/{incident.pk}/incident_updates/{update.pk}"
    answer = api("publish", "read").patch(path, {"incident_update": {"body": "Rettet."}})
    assert answer.json()["body"] == "Rettet."
    update.refresh_from_db()
    assert update.text["da"] == "Rettet."
    assert update.corrected_at


def test_draft_is_not_public_and_needs_no_right_to_publish(api: Api) -> None:
    client = api("draft", "read")
    assert client.post("/incidents", {"incident": {"name": "Fejl"}}).status_code == 403
    answer = client.post("/incidents", {"incident": {"name": "Fejl", "draft": True}})
    assert answer.status_code == 201, answer.content
    assert answer.json()["draft"] is True
    assert not Incident.objects.get().is_public
    assert client.get(f"/incidents/{answer.json()['id']}").json()["incident_updates"][0]["body"]
    assert client.get("/incidents").json() == []


def test_refusals_of_the_verbs_name_the_field(api: Api) -> None:
    client = api("publish", "read")
    answer = client.post("/incidents", {"incident": {"body": "Uden titel."}})
    assert answer.status_code == 422
    assert answer.json()["error"][0].startswith("title: ")
    unknown = client.post("/incidents", {"incident": {"name": "Fejl", "components": {"x": "major_outage"}}})
    assert unknown.json()["error"] == ["components: There is no component with the id “x”."]
    german = client.post("/incidents", {"incident": {"name": "Fejl", "translations": {"de": {"name": "Fehler"}}}})
    assert german.json()["error"] == ["translations: The page has no language “de”."]
    assert Incident.objects.count() == 0


def test_repetition_with_the_same_key_is_answered_again(api: Api) -> None:
    client, given = api("publish", "read"), {"incident": {"name": "Fejl"}}
    first, second = (client.post("/incidents", given, **{"Idempotency-Key": "a"}) for _time in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (Incident.objects.count(), Announcement.objects.count()) == (1, 1)
    other = client.post("/incidents", {"incident": {"name": "Andet"}}, **{"Idempotency-Key": "a"})
    assert other.status_code == 422
    assert Incident.objects.count() == 1


def test_refused_request_can_be_repeated_with_its_key(api: Api) -> None:
    client = api("publish", "read")
    mail = Component(name={"da": "Mail"}, slug="mail")
    given = {"incident": {"name": "Fejl", "components": {mail.pk: "major_outage"}}}
    assert client.post("/incidents", given, **{"Idempotency-Key": "a"}).status_code == 422
    mail.save()
    assert client.post("/incidents", given, **{"Idempotency-Key": "a"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_with_one_key_open_one_incident(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "publish_for_readers", lambda: None)
    client, given = api("publish", "read"), {"incident": {"name": "Fejl"}}

    def send(_number: int) -> Any:
        try:
            return client.post("/incidents", given, **{"Idempotency-Key": "a"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as programs:
        answers = list(programs.map(send, range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (Incident.objects.count(), Announcement.objects.count()) == (1, 1)


@pytest.mark.parametrize("name", ["components", "component_ids"])
def test_ids_of_new_components_alone_add_an_update(api: Api, clock: time_machine.Traveller, name: str) -> None:
    client, mail = api("publish"), make_component("mail")
    incident = make_incident()
    for count in (2, 2):  # it is named once
        clock.shift(HOUR)
        answer = client.patch(f"/incidents/{incident.pk}", {"incident": {name: [mail.pk]}})
        assert (answer.status_code, incident.updates.count()) == (200, count)
    assert [one["id"] for one in answer.json()["components"]] == [mail.pk]
