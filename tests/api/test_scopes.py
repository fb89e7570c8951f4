"""Every address of the API with every scope: what a token may do, and what is refused."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from incidents.api.application import api as described
from incidents.models import TokenScope
from tests.factories import make_component, make_group, make_incident
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

EVERY = set(TokenScope.values)
SEE_INCIDENTS = {"read", "draft", "publish"}
SEE_COMPONENTS = EVERY - {"alerts", "subscribers"}
PAGE = "/pages/{page_id}"
INCIDENT, UPDATE = f"{PAGE}/incidents/{{incident_id}}", "/incident_updates/{update_id}"
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
    **{("POST", f"/alerts{name}"): {"alerts", "publish"} for name in ("", "/alertmanager", "/grafana")},
}
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
    **{f"/alerts{name}": ALERTS for name in ("", "/alertmanager", "/grafana")},
}


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address of the API."""
    for path, operations in described.get_openapi_schema(path_prefix="")["paths"].items():
        yield from ((method.upper(), path) for method in operations)


@pytest.fixture
def names(db: None) -> Iterator[dict[str, str]]:
    """What stands for the names in an address."""
    with time_machine.travel(NOW, tick=False):
        incident = make_incident()
        yield {
            "incident_id": incident.pk,
            "update_id": incident.updates.get().pk,
            "component_id": make_component("mail").pk,
            "group_id": make_group().pk,
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
    assert answer.status_code in {200, 201, 202, 204, 403}
