"""Programs attach metadata to incidents, for themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incidents.models import AuditEntry, Incident
from incidents.models.metadata import MAX_BYTES, MAX_KEYS
from incidents.publishing.store.changes import publish_stale
from tests.factories import make_incident
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
TICKET = {"jira": {"issue": "DRIFT-4711", "watchers": [1, 2.5, None, True]}}


def opened(client: ApiClient, **fields: Any) -> Any:
    return client.post("/incidents", {"incident": {"name": "Fejl", **fields}})


def test_metadata_is_stored_and_answered(api: Api) -> None:
    client = api("publish", "read")
    answer = opened(client, metadata=TICKET)
    assert answer.status_code == 201, answer.content
    found = answer.json()
    assert (found["metadata"], Incident.objects.get().metadata) == (TICKET, TICKET)
    assert client.get(f"/incidents/{found['id']}").json()["metadata"] == TICKET
    assert [one["metadata"] for one in client.get("/incidents").json()] == [TICKET]


def test_incident_without_metadata_has_an_empty_object(api: Api) -> None:
    assert opened(api("publish"), metadata=None).json()["metadata"] == {}


def test_change_replaces_metadata_that_it_has_and_adds_no_update(api: Api) -> None:
    client, incident = api("publish"), make_incident()
    for given, expected in ((TICKET, TICKET), ({"other": {}}, {"other": {}}), (None, {"other": {}}), ({}, {})):
        answer = client.patch(f"/incidents/{incident.pk}", {"incident": {"metadata": given}})
        assert (answer.status_code, answer.json()["metadata"]) == (200, expected)
    assert incident.updates.count() == 1


def test_form_has_metadata_by_its_keys(api: Api) -> None:
    client = api("publish")
    form = {
        "incident[name]": "Fejl",
        "incident[metadata][jira][issue]": "4711",
        "incident[metadata][jira][tags][]": "a",
    }
    answer = client.client.post(
        f"/api/v1/pages/{client.page}/incidents", form, headers={"Authorization": f"OAuth {client.secret}"}
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["metadata"] == {"jira": {"issue": "4711", "tags": ["a"]}}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "Input should be a valid dictionary"),
        ("ticket", "Input should be a valid dictionary"),
        ({str(number): {} for number in range(MAX_KEYS + 1)}, "At most 50 keys and 10000 bytes are possible."),
        ({"a": "æ" * (MAX_BYTES // 2)}, "At most 50 keys and 10000 bytes are possible."),
    ],
)
def test_unsuitable_metadata_is_refused(api: Api, metadata: Any, reason: str) -> None:
    answer = opened(api("publish"), metadata=metadata)
    assert answer.status_code == 422
    assert answer.json()["error"][0].endswith(f"metadata: {reason}")
    assert not Incident.objects.exists()


@pytest.mark.parametrize(("number", "status"), [("1e999", 422), ("NaN", 400), ("Infinity", 400), ("1e308", 201)])
def test_number_that_json_does_not_have_is_refused(api: Api, number: str, status: int) -> None:
    client = api("publish")
    body = f'{{"incident": {{"name": "Fejl", "metadata": {{"number": {number}}}}}}}'
    headers = {"Authorization": f"OAuth {client.secret}"}
    path = f"/api/v1/pages/{client.page}/incidents"
    answer = client.client.generic("POST", path, body, content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize("levels", [100, 300, 600, 900])
def test_body_with_many_levels_is_refused(api: Api, levels: int) -> None:
    client = api("publish")
    body = f'{{"incident": {{"name": "Fejl", "metadata": {{"deep": {"[" * levels}{"]" * levels}}}}}}}'
    headers = {"Authorization": f"OAuth {client.secret}"}
    path = f"/api/v1/pages/{client.page}/incidents"
    answer = client.client.generic("POST", path, body, content_type="application/json", headers=headers)
    assert answer.status_code == 400, answer.content


def test_change_of_metadata_is_in_the_audit_log(api: Api) -> None:
    client, incident = api("publish"), make_incident()
    client.patch(f"/incidents/{incident.pk}", {"incident": {"metadata": TICKET}})
    entry = AuditEntry.objects.filter(operation="edit_incident").get()
    assert (entry.before, entry.after) == ({"metadata": {}}, {"metadata": TICKET})


def test_metadata_is_in_nothing_public(api: Api, public_store: Path) -> None:
    client = api("publish")
    incident = opened(client, body="Vi ser.", metadata=TICKET).json()["id"]
    publish_stale()
    published = [file.read_bytes() for file in public_store.rglob("*") if file.is_file()]
    assert any(incident.encode() in content for content in published)
    assert not any(b"DRIFT-4711" in content for content in published)
    document = next(public_store.rglob("api/v2/incidents.json"))
    assert "metadata" not in json.loads(document.read_bytes())["incidents"][0]
