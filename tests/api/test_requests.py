"""What every request to the API has in common: tokens, limits, errors in JSON, scopes."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client

from incidents.models import Component
from incidents.status import Phase
from incidents.subscriptions import limits
from tests.factories import make_group, make_incident
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]


@pytest.mark.parametrize(
    "address", ["/api/v1/pages", "/api/v1/nothing", "/api/v2/nothing.json", "/api/", "/api/v1/x.json"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_error_below_api_is_a_problem_document(client: Client, address: str, method: str) -> None:
    answer = client.generic(method, address, headers={"Accept-Language": "en"})
    assert answer.status_code in {401, 404, 405}
    assert answer["Content-Type"].startswith("application/")
    assert answer.json()["error"]
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/api/v2/nothing.json", "There is nothing at this address."),
        ("/en/api/v2/nothing.json", "There is nothing at this address."),
        ("/da/api/v2/nothing", "Der er intet på denne adresse."),
    ],
)
def test_scripts_of_other_websites_can_read_that_a_document_is_missing(
    client: Client, address: str, reason: str
) -> None:
    answer = client.get(address, headers={"Accept-Language": "en"})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (404, "*")
    assert answer.json()["error"] == reason
    preflight = client.options(address)
    assert (preflight.status_code, preflight["Access-Control-Allow-Headers"]) == (204, "*")


def test_scripts_of_other_websites_cannot_read_what_needs_a_token(client: Client) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/api/v1/pages.json")


@pytest.mark.parametrize("header", ["", "OAuth", "OAuth wrong", "Basic dTpw", "Bearer sp_x"])
def test_request_without_a_valid_token_is_refused(client: Client, header: str) -> None:
    answer = client.get("/api/v1/pages", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_another_page_does_not_exist(api: Api) -> None:
    client = api("read")
    client.page = "000000000001"
    assert client.get("/incidents").status_code == 404
    assert client.get("").status_code == 404


def test_page_is_listed_with_its_id(api: Api) -> None:
    client = api("read")
    answer = client.client.get("/api/v1/pages.json", headers={"Authorization": f"OAuth {client.secret}"})
    assert [row["id"] for row in answer.json()] == [client.page]
    assert client.get("").json()["time_zone"] == "Europe/Copenhagen"


def test_too_many_requests_are_asked_to_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api("read")
    monkeypatch.setattr(limits, "API", limits.Limit("api", limits.API.interval, burst=1))
    assert client.get("/incidents").status_code == 200
    answer = client.get("/incidents")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '"x"',
        '{"incident": 1}',
        "{}",
        '{"incident": {"name": "\\u0000"}}',
        "\x00",
        '{"incident": {"name": "\\ud800"}}',
        '{"incident": {"name": "Fejl", "scheduled_for": "9999-12-31T23:00:00-10:00"}}',
        '{"incident": {"name": "Fejl", "backfilled": true, "backfill_date": "0001-01-01"}}',
        "[" * 100_000,
    ],
)
def test_bad_bodies_are_refused(api: Api, body: str) -> None:
    client = api("publish", "read")
    headers = {"Authorization": f"OAuth {client.secret}"}
    path = f"/api/v1/pages/{client.page}/incidents"
    answer = client.client.generic("POST", path, body, content_type="application/json", headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]


@pytest.mark.parametrize("name", ["incident[name", "incident]", "[name]", "incident" + "[x]" * 9, "incident[name][x]"])
def test_bad_forms_are_refused(api: Api, name: str) -> None:
    client = api("publish", "read")
    headers = {"Authorization": f"OAuth {client.secret}"}
    form = {"incident[name]": "Fejl", name: "x"}
    answer = client.client.post(f"/api/v1/pages/{client.page}/incidents", form, headers=headers)
    assert answer.status_code in {400, 422}


def test_form_without_a_body_may_stand_in_the_query(api: Api) -> None:
    client = api("publish", "read")
    query = urlencode({"incident[name]": "Fejl", "incident[body]": "Vi ser.", "incident[status]": "identified"})
    answer = client.send("POST", f"/incidents.json?{query}")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["name"], answer.json()["status"]) == ("Fejl", "identified")


def test_page_is_changed_by_a_form_in_the_query(api: Api) -> None:
    client = api("admin")
    answer = client.send("PATCH", f".json?{urlencode({'page[name]': 'Ny drift', 'page[subdomain]': 'ny'})}")
    assert (answer.status_code, answer.json()["name"]) == (200, "Ny drift"), answer.content


def test_incident_is_updated_and_resolved_by_forms_in_the_query(api: Api) -> None:
    client, incident = api("publish"), make_incident()
    for status, phase in (("monitoring", Phase.MITIGATED), ("resolved", Phase.RESOLVED)):
        query = urlencode(
            {"incident[status]": status, "incident[body]": "Nyt.", "incident[wants_twitter_update]": True}
        )
        answer = client.send("PATCH", f"/incidents/{incident.pk}.json?{query}")
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.content
        incident.refresh_from_db()
        assert incident.phase == phase


def test_components_are_added_changed_and_hidden(api: Api) -> None:
    group = make_group()
    client = api("admin", "read")
    given = {
        "name": "Mail",
        "group_id": group.pk,
        "status": "degraded_performance",
        "translations": {"en": {"name": "Email"}},
    }
    added = client.post("/components", {"component": given})
    assert added.status_code == 201, added.content
    pk = added.json()["id"]
    assert (added.json()["status"], added.json()["group_id"]) == ("degraded_performance", group.pk)
    assert Component.objects.get().name["en"] == "Email"
    changed = client.patch(f"/components/{pk}", {"component": {"description": "Post", "status": "operational"}}).json()
    assert (changed["description"], changed["status"], changed["name"]) == ("Post", "operational", "Mail")
    assert client.get("/component-groups").json()[0]["components"] == [pk]
    assert client.send("DELETE", f"/components/{pk}").status_code == 204
    assert client.get("/components").json() == []


@pytest.mark.parametrize("address", ["/incidents/%00", "/incidents?q=%00", "/components/%ff", "/incidents/a%2Fb", "/x"])
def test_odd_addresses_are_not_found(api: Api, address: str) -> None:
    assert api("read").get(address).status_code == 404


@pytest.mark.parametrize("address", ["metrics", "metrics/x/data", "page_access_users", "status_embed_config.json"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_page_lacks_is_named(api: Api, method: str, address: str) -> None:
    answer = api("read").send(method, f"/{address}")
    assert answer.status_code == 404
    assert answer.json()["error"] == f"This page has no {address.partition('/')[0].removesuffix('.json')}."
