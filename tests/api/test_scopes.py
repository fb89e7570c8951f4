"""Every address of the API with every scope: what a token may do, and what is refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from incidents import operations
from incidents.api.application import api as described
from incidents.models import TokenScope
from incidents.status import Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_incident, make_statement, make_subscriber, make_update
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

EVERY = set(TokenScope.values)
SEE_INCIDENTS = {"read", "draft", "publish"}
SEE_COMPONENTS = EVERY - {"alerts", "subscribers"}
PAGE = "/pages/{page_id}"
INCIDENT, UPDATE = f"{PAGE}/incidents/{{incident_id}}", "/incident_updates/{update_id}"
SEE_SUBSCRIBERS = SEE_INCIDENTS | {"subscribers"}
SUBSCRIBER = f"{PAGE}/subscribers/{{subscriber_id}}"
POSTMORTEM = f"{INCIDENT}/postmortem"
COMPONENT, GROUP = f"{PAGE}/components/{{component_id}}", f"{PAGE}/component-groups/{{group_id}}"
# The scopes that may use an address; with each other one, a request is refused with 403.
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("GET", "/pages"): EVERY,
    ("GET", PAGE): EVERY,
    **{(method, PAGE): {"admin"} for method in ("PATCH", "PUT")},
    ("GET", f"{PAGE}/incidents"): SEE_INCIDENTS,
    **{
        ("GET", f"{PAGE}/incidents/{name}"): SEE_INCIDENTS
        for name in ("unresolved", "scheduled", "upcoming", "active_maintenance")
    },
    ("POST", f"{PAGE}/incidents"): {"publish"},
    ("GET", INCIDENT): SEE_INCIDENTS,
    **{(method, INCIDENT): {"publish"} for method in ("PATCH", "PUT", "DELETE")},
    **{(method, INCIDENT + UPDATE): {"publish"} for method in ("PATCH", "PUT")},
    ("GET", f"{PAGE}/components"): SEE_COMPONENTS,
    ("POST", f"{PAGE}/components"): {"admin"},
    ("GET", COMPONENT): SEE_COMPONENTS,
    **{(method, COMPONENT): {"publish", "components", "admin"} for method in ("PATCH", "PUT")},
    ("DELETE", COMPONENT): {"admin"},
    ("GET", f"{PAGE}/component-groups"): SEE_COMPONENTS,
    ("POST", f"{PAGE}/component-groups"): {"admin"},
    ("GET", GROUP): SEE_COMPONENTS,
    **{(method, GROUP): {"admin"} for method in ("PATCH", "PUT", "DELETE")},
    ("GET", f"{COMPONENT}/uptime"): SEE_COMPONENTS,
    ("GET", f"{GROUP}/uptime"): SEE_COMPONENTS,
    ("GET", f"{PAGE}/incident_templates"): SEE_INCIDENTS,
    ("POST", f"{PAGE}/incident_templates"): {"publish"},
    ("GET", POSTMORTEM): SEE_INCIDENTS,
    **{(method, POSTMORTEM): {"draft", "publish"} for method in ("PUT", "DELETE")},
    **{("PUT", f"{POSTMORTEM}/{name}"): {"publish"} for name in ("publish", "revert")},
    ("GET", f"{PAGE}/subscribers"): SEE_SUBSCRIBERS,
    ("GET", f"{PAGE}/subscribers/count"): SEE_SUBSCRIBERS,
    ("GET", SUBSCRIBER): SEE_SUBSCRIBERS,
    ("GET", f"{INCIDENT}/subscribers"): SEE_INCIDENTS,
    ("POST", f"{INCIDENT}/subscribers"): {"subscribers"},
    **{(method, SUBSCRIBER): {"subscribers"} for method in ("PATCH", "DELETE")},
    **{("POST", f"{PAGE}/subscribers{name}"): {"subscribers"} for name in ("", "/unsubscribe", "/resend_confirmation")},
    **{("POST", f"/alerts{name}"): {"alerts", "publish"} for name in ("", "/alertmanager", "/grafana")},
}
# Addresses of the original that say why there is no such thing here.
REFUSED = {("PATCH", SUBSCRIBER), ("POST", f"{INCIDENT}/subscribers")}
ALERTS = {"alerts": [{"status": "firing", "labels": {"alertname": "Down"}}]}
BODIES: dict[str, Any] = {
    PAGE: {"page": {"company": "Os"}},
    f"{PAGE}/incidents": {"incident": {"name": "Fejl"}},
    INCIDENT: {"incident": {"body": "Nyt."}},
    INCIDENT + UPDATE: {"incident_update": {"body": "Rettet."}},
    f"{PAGE}/components": {"component": {"name": "Mail"}},
    COMPONENT: {"component": {"status": "major_outage"}},
    f"{PAGE}/component-groups": {"component_group": {"name": "Post"}},
    GROUP: {"component_group": {"name": "Post"}},
    f"{PAGE}/incident_templates": {"template": {"name": "Fejl", "body": "Vi leder."}},
    POSTMORTEM: {"postmortem": {"body_draft": "Disken var fuld."}},
    f"{PAGE}/subscribers": {"subscriber": {"email": "ny@example.dk"}},
    **{f"{PAGE}/subscribers/{name}": {"subscribers": []} for name in ("unsubscribe", "resend_confirmation")},
    **{f"/alerts{name}": ALERTS for name in ("", "/alertmanager", "/grafana")},
}


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address of the API."""
    for path, methods in described.get_openapi_schema(path_prefix="")["paths"].items():
        yield from ((method.upper(), path) for method in methods)


@pytest.fixture
def names(db: None, method: str, address: str) -> Iterator[dict[str, str]]:
    """What stands for the names in an address."""
    with time_machine.travel(NOW, tick=False):
        incident = make_incident()
        update = incident.updates.get()
        make_update(incident, Phase.RESOLVED)
        if (method, address) == ("PUT", f"{POSTMORTEM}/revert"):
            make_update(incident, Phase.POSTMORTEM, notify=True)
        elif address.startswith(POSTMORTEM):
            operations.post_update(
                incident=incident, statement=make_statement(Phase.POSTMORTEM), draft=True, by=ANYBODY
            )
        yield {
            "incident_id": incident.pk,
            "update_id": update.pk,
            "component_id": make_component("mail").pk,
            "group_id": make_group().pk,
            "subscriber_id": make_subscriber().pk,
        }


def test_every_address_is_named() -> None:
    assert set(addresses()) == set(ALLOWED)


@pytest.mark.parametrize("scope", TokenScope.values)
@pytest.mark.parametrize(("method", "address"), ALLOWED)
def test_token_can_do_what_its_scope_says(
    api: Api, names: dict[str, str], scope: str, method: str, address: str
) -> None:
    client = api(scope)
    path = f"/api/v1{address}".format(page_id=client.page, **names)
    body = BODIES.get(address) if method != "GET" else None
    answer = client.request(method, path, body)
    assert (answer.status_code != 403) == (scope in ALLOWED[method, address]), answer.content
    refused = {422} if (method, address) in REFUSED else {200, 201, 202, 204}
    assert answer.status_code in refused | {403}, answer.content
