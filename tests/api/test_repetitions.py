"""Every change may be sent twice with one Idempotency-Key: it is made once, and answered again."""

from collections.abc import Callable
from typing import Any

import pytest

from incidents import operations
from incidents.models import AuditEntry
from incidents.status import Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_incident, make_statement, make_subscriber, make_update
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
KEY = {"Idempotency-Key": "a"}


def incident() -> str:
    return f"/incidents/{make_incident().pk}"


def update() -> str:
    found = make_incident()
    return f"/incidents/{found.pk}/incident_updates/{found.updates.get().pk}"


def postmortem() -> str:
    found = make_incident()
    make_update(found, Phase.RESOLVED)
    operations.post_update(incident=found, statement=make_statement(Phase.POSTMORTEM), by=ANYBODY, draft=True)
    return f"/incidents/{found.pk}/postmortem"


CHANGES: dict[str, tuple[str, Callable[[], str], Any]] = {
    "withdraw": ("DELETE", incident, None),
    "correct_update": ("PATCH", update, {"incident_update": {"body": "Rettet.", "deliver_notifications": True}}),
    "discard_draft": ("DELETE", postmortem, None),
    "edit_component": ("DELETE", lambda: f"/components/{make_component().pk}", None),
    "remove_group": ("DELETE", lambda: f"/component-groups/{make_group().pk}", None),
    "end_subscription": ("DELETE", lambda: f"/subscribers/{make_subscriber().pk}", None),
}


@pytest.mark.parametrize("operation", CHANGES)
def test_repetition_is_answered_again(api: Api, operation: str) -> None:
    client, (method, make, body) = api("publish", "admin", "subscribers"), CHANGES[operation]
    address = make()
    first, second = (client.send(method, address, body, **KEY) for _time in range(2))
    assert first.status_code in {200, 204}, first.content
    assert second.status_code == first.status_code
    assert second.content == first.content or second.json() == first.json()
    assert AuditEntry.objects.filter(operation=operation).count() == 1


def test_key_belongs_to_one_request(api: Api) -> None:
    client = api("publish")
    assert client.send("DELETE", incident(), **KEY).status_code == 200
    assert client.send("DELETE", incident(), **KEY).status_code == 422
