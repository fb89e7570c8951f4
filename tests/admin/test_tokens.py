"""The newsroom's pages about API tokens: made with a fresh log-in, shown once, listed, and revoked."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import ApiToken, AuditEntry, TokenScope
from incidents.sign_in.tokens import authenticate
from incidents.staff.actors import person
from tests.actors import ANYBODY
from tests.admin.conftest import Browser, staff
from tests.factories import make_page, make_subscriber, make_token

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PASSWORD = "a password of Karen's"
LIST = "/admin/incidents/apitoken/"
ADD = f"{LIST}add/"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        make_page(time_zone="Europe/Copenhagen")
        yield traveller


@pytest.fixture
def karen(db: None) -> User:
    return User.objects.create_superuser("karen", password=PASSWORD)


@pytest.fixture
def client(karen: User) -> Client:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(karen)
    browser.get("/admin/")
    return browser


def page_of(token: ApiToken, step: str = "change") -> str:
    return reverse(f"admin:incidents_apitoken_{step}", args=[token.pk])


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def form(client: Client, **typed: Any) -> dict[str, Any]:
    """What a browser sends of the form that was just opened."""
    pk = re.findall(r'name="pk" value="([^"]+)"', client.get(ADD).content.decode())[0]
    return {"pk": pk, "name": "Deployments", "scopes": ["draft", "components"], "days": "90", "last_day": "", **typed}


def secret_in(response: Any) -> str:
    (secret,) = re.findall(r'<code class="api-secret" translate="no">([^<]+)</code>', response.content.decode())
    return str(secret)


def test_new_token_is_shown_once_and_works(client: Client, karen: User) -> None:
    answer = client.post(ADD, form(client))
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    secret = secret_in(answer)
    token = ApiToken.objects.get()
    assert authenticate(f"OAuth {secret}", "192.0.2.0/24").token == token
    assert (token.name, token.scopes, token.created_by) == ("Deployments", ["draft", "components"], karen)
    assert token.expires_at == NOW + timedelta(days=90)
    for address in (LIST, page_of(token), f"{page_of(token)}?x=1", ADD, "/admin/incidents/auditentry/"):
        assert secret[11:] not in client.get(address).content.decode()


def test_reload_neither_shows_the_secret_again_nor_makes_another_token(client: Client) -> None:
    sent = form(client)
    client.post(ADD, sent)
    answer = client.post(ADD, sent, follow=True)
    assert answer.redirect_chain == [(page_of(ApiToken.objects.get()), 302)]
    assert "This token was made already" in text(answer)
    assert "api-secret" not in text(answer)


def test_id_of_somebody_elses_token_leads_nowhere(client: Client) -> None:
    token = make_token(User.objects.create_superuser("ole"))
    other = staff("ida", "add_apitoken", "view_incident", "view_maintenance")
    answer = other.post(ADD, form(other, pk=token.pk, scopes=["read"]), follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert ApiToken.objects.count() == 1
    assert client.post(ADD, form(client, pk="x/../y")).status_code == 200


def test_own_last_day_lasts_until_midnight_of_the_page(client: Client) -> None:
    client.post(ADD, form(client, days="own", last_day="2026-11-30"))
    assert ApiToken.objects.get().expires_at == datetime(2026, 11, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"scopes": []}, "Choose what the token is for."),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"days": "9999"}, "Select a valid choice"),
        ({"days": "own"}, "Choose the last day."),
        ({"days": "own", "last_day": "2026-11-26"}, "Choose a day within the next 365 days."),
        ({"days": "own", "last_day": "2027-11-28"}, "Choose a day within the next 365 days."),
        ({"days": "own", "last_day": "soon"}, "Enter a valid date."),
    ],
)
def test_error_is_shown_beside_the_field_and_nothing_is_made(client: Client, typed: dict[str, Any], said: str) -> None:
    answer = client.post(ADD, form(client, **typed))
    assert answer.status_code == 422
    assert said in text(answer)
    assert not ApiToken.objects.exists()


def test_farthest_day_that_the_form_offers_is_accepted(client: Client) -> None:
    assert 'max="2027-11-27"' in text(client.get(ADD))
    assert client.post(ADD, form(client, days="own", last_day="2027-11-27")).status_code == 200
    assert ApiToken.objects.count() == 1


def test_making_and_revoking_need_a_fresh_log_in_and_looking_does_not(
    client: Client, karen: User, clock: time_machine.Traveller
) -> None:
    token = make_token(karen)
    sent = form(client)
    clock.shift(timedelta(minutes=16))
    asked = "Confirm that it is you"
    assert asked not in text(client.get(LIST))
    assert asked not in text(client.get(page_of(token)))
    assert asked in text(client.get(ADD))
    assert asked in text(client.get(page_of(token, "revoke")))
    assert asked in text(client.post(page_of(token, "revoke")))
    page = client.post(ADD, sent)
    assert asked in text(page)
    assert ApiToken.objects.count() == 1
    again = client.post(ADD, {**sent, "confirm-method": "POST", "confirm-password": PASSWORD})
    assert secret_in(again).startswith("sp_")


def test_only_scopes_that_are_of_use_to_the_account_are_offered() -> None:
    other = staff("ida", "add_apitoken", "view_incident", "publish_incident")
    offered = re.findall(r'name="scopes" value="(\w+)"', other.get(ADD).content.decode())
    assert offered == ["read", "publish", "components"]
    assert other.post(ADD, form(other, scopes=["admin"])).status_code == 422


def test_no_scope_is_chosen_in_advance(client: Client) -> None:
    boxes = re.findall(r'<input type="checkbox" name="scopes"[^>]*>', client.get(ADD).content.decode())
    assert len(boxes) == len(TokenScope)
    assert not any("checked" in box for box in boxes)


def test_people_see_and_revoke_only_their_own_without_the_right_to_all(karen: User) -> None:
    other = staff("ida", "add_apitoken", "view_incident")
    own, foreign = make_token(User.objects.get(username="ida"), name="Mine"), make_token(karen, name="Theirs")
    page = text(other.get(LIST))
    assert "Mine" in page
    assert "Theirs" not in page
    for step in ("change", "revoke", "history"):
        assert other.get(page_of(own, step)).status_code == 200
        assert other.get(page_of(foreign, step)).status_code == 404
    assert other.post(page_of(foreign, "revoke")).status_code == 404
    other.post(page_of(own, "revoke"))
    assert list(ApiToken.objects.exclude(revoked_at=None)) == [own]


def test_administrator_sees_and_revokes_all(client: Client) -> None:
    token = make_token(User.objects.create_superuser("ole"))
    assert "Programs that use “Alerts”" in text(client.get(page_of(token, "revoke")))
    assert ApiToken.objects.get().revoked_at is None
    answer = client.post(page_of(token, "revoke"), follow=True)
    assert "The token is revoked." in text(answer)
    assert "The token was revoked already." in text(client.post(page_of(token, "revoke"), follow=True))
    assert AuditEntry.objects.filter(operation="revoke_token").count() == 1
    assert page_of(token, "revoke") not in text(client.get(page_of(token)))


def test_tokens_are_neither_changed_nor_deleted(client: Client, karen: User) -> None:
    token = make_token(karen)
    client.post(page_of(token), {"name": "Other", "scopes": ["admin"]})
    assert client.post(page_of(token, "delete"), {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"})
    token.refresh_from_db()
    assert (token.name, token.scopes) == ("Alerts", ["read"])


def test_account_with_tokens_can_be_deleted_and_leaves_them_dead(client: Client) -> None:
    ole = User.objects.create_superuser("ole")
    token = make_token(ole)
    client.post(reverse("admin:auth_user_delete", args=[ole.pk]), {"post": "yes"})
    assert not User.objects.filter(username="ole").exists()
    page = text(client.get(LIST))
    assert "a deleted account" in page
    assert "Refused: its owner may no longer have tokens" in page
    assert "a deleted account" in text(client.get(page_of(token)))


def test_list_is_filtered_by_state_and_searched(client: Client, karen: User) -> None:
    valid, revoked, expired = (make_token(karen, name=name) for name in ("Aa", "Bb", "Cc"))
    operations.revoke_token(token=revoked, by=ANYBODY)
    ApiToken.objects.filter(pk=expired.pk).update(created_at=NOW - timedelta(days=9), expires_at=NOW)
    shown = {state: _shown(client, f"state={state}") for state in ("valid", "revoked", "expired", "odd")}
    assert shown == {"valid": ["Aa"], "revoked": ["Bb"], "expired": ["Cc"], "odd": ["Aa", "Bb", "Cc"]}
    assert _shown(client, f"q={valid.prefix}") == ["Aa"]


def _shown(client: Client, query: str) -> list[str]:
    return sorted(re.findall(r">(Aa|Bb|Cc)</a>", text(client.get(f"{LIST}?{query}"))))


def test_list_needs_the_same_queries_for_many_tokens(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        make_token(User.objects.create_superuser(f"p{number}"))
    client.get(LIST)
    with django_assert_num_queries(15) as few:
        client.get(LIST)
    for number in range(3, 9):
        make_token(User.objects.create_superuser(f"p{number}"))
    with django_assert_num_queries(len(few.captured_queries)):
        client.get(LIST)


def test_page_of_a_token_says_what_it_may_and_where_it_was_used(client: Client, karen: User) -> None:
    token = make_token(karen, "publish")
    assert "never" in text(client.get(page_of(token)))
    authenticate(f"Bearer {token.secret}", "192.0.2.0/24")
    page = text(client.get(page_of(token)))
    assert "<b>Publish and notify</b>" in page
    assert "from the network 192.0.2.0/24" in page
    assert token.prefix in page
    assert token.key_hash not in page


def test_audit_log_shows_what_a_token_did_and_filters_by_it(client: Client, karen: User) -> None:
    token = make_token(karen, "subscribers", name="Alerts")
    actor = authenticate(f"Bearer {token.secret}", "192.0.2.0/24")
    operations.end_subscription(subscriber=make_subscriber(), by=actor)
    operations.end_subscription(subscriber=make_subscriber(), by=person(karen))
    page = text(client.get("/admin/incidents/auditentry/?by=token"))
    assert "token Alerts (karen)" in page
    assert page.count("ended the subscription</a>") == 1
    address = f"/admin/incidents/auditentry/?q={token.pk}"
    assert address in text(client.get(page_of(token)))
    page = text(client.get(address))
    assert page.count("ended the subscription</a>") == 1
    assert page.count("made the API token</a>") == 1
    entry = AuditEntry.objects.get(api_token=token.pk)
    page = text(client.get(reverse("admin:incidents_auditentry_change", args=[entry.pk])))
    assert f"(API token <code>{token.pk}</code>)" in page
    made = AuditEntry.objects.get(operation="create_token")
    page = text(client.get(reverse("admin:incidents_auditentry_change", args=[made.pk])))
    assert "Manage subscribers" in page
    assert "karen" in page
