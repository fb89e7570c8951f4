"""Log in with an OpenID provider: who gets in, and what the provider may not do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from incidents.models import AuditEntry, ExternalAccount, StaffSession
from incidents.sign_in import oidc_client
from incidents.staff import roles
from statuspage.single_sign_on import Provider
from tests.support.log_ins import NOON
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OIDCProvider, callback, running

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

BEGIN = "/admin/single-sign-on/"


@pytest.fixture
def provider(settings: Settings) -> Iterator[OIDCProvider]:
    roles.update_groups()
    with running() as found:
        settings.OIDC = Provider(found.address, CLIENT_ID, CLIENT_SECRET, "groups", "")
        settings.SSO_ROLES = [("ops", "role:publisher"), ("leads", "role:administrator")]
        found.person["groups"] = ["ops", "football"]
        yield found


@pytest.fixture
def client() -> Client:
    return Client(headers={"Accept-Language": "en"})


def log_in(client: Client, provider: OIDCProvider, query: str = "") -> Any:
    """The answer to the way back from the provider."""
    begun: Any = client.get(f"{BEGIN}{query}")
    assert begun.status_code == 302, begun.content.decode()
    return client.get(callback(provider.authorize(begun.url)))


def is_in(client: Client) -> bool:
    return client.get("/admin/sessions/").status_code == 200


def roles_of(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def operations() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("operation", flat=True))


def test_log_in_page_offers_the_provider_only_if_there_is_one(client: Client, settings: Settings) -> None:
    assert "single-sign-on" not in client.get("/admin/login/").content.decode()
    assert client.get(BEGIN).status_code == 404
    settings.OIDC = Provider("https://id.example.com/staff", CLIENT_ID, CLIENT_SECRET, "groups", "")
    page = client.get("/admin/login/?next=/admin/sessions/").content.decode()
    assert "Log in with id.example.com" in page
    assert "?next=%2Fadmin%2Fsessions%2F" in page


def test_person_with_a_mapped_group_gets_an_account_without_a_password(client: Client, provider: OIDCProvider) -> None:
    answer = log_in(client, provider, "?next=/admin/sessions/")
    assert (answer.status_code, answer.url) == (302, "/admin/sessions/")
    assert is_in(client)
    anna = User.objects.get(username="anna")
    assert anna.is_staff
    assert not anna.is_superuser
    assert not anna.has_usable_password()
    assert roles_of("anna") == {"role:publisher"}
    assert operations() == ["add_own_account", "log_in"]
    assert StaffSession.objects.get().user == anna


def test_account_is_found_by_the_subject_whatever_the_name(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    provider.person |= {"preferred_username": "anna.new", "email": "new@example.com"}
    log_in(Client(), provider)
    assert User.objects.count() == 1
    provider.person["sub"] = "somebody-else"
    log_in(Client(), provider)
    assert User.objects.count() == 2


@pytest.mark.parametrize("same", [{"username": "Anna"}, {"username": "boss", "email": "anna@EXAMPLE.com"}])
def test_existing_account_is_not_taken_over(client: Client, provider: OIDCProvider, same: dict[str, str]) -> None:
    User.objects.create_superuser(**same)
    provider.person["email"] = "anna@example.com"
    answer = log_in(client, provider)
    assert answer.status_code == 403
    assert "anna-1" in answer.content.decode()
    assert not is_in(client)
    assert operations() == ["fail_single_sign_on"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"preferred_username": "ａnna", "email": "x" * 300}, "anna"),
        ({"preferred_username": "Anna Å. (ops)"}, "Anna-Å.-ops-"),
        ({"preferred_username": "two\nlines", "email": "anna@example.com"}, "anna@example.com"),
        ({"preferred_username": None}, "anna-1"),
    ],
)
def test_name_of_a_new_account_is_one_that_can_be_stored(
    client: Client, provider: OIDCProvider, said: dict[str, Any], name: str
) -> None:
    provider.person |= said
    assert log_in(client, provider).status_code == 302
    assert User.objects.get().username == name


def test_person_without_a_mapped_group_gets_no_account(client: Client, provider: OIDCProvider) -> None:
    provider.person["groups"] = ["football"]
    answer = log_in(client, provider)
    assert answer.status_code == 403
    assert "has no access to this status page" in answer.content.decode()
    assert not User.objects.exists()


def test_star_lets_everybody_in(client: Client, provider: OIDCProvider, settings: Settings) -> None:
    settings.SSO_ROLES = [("*", "role:reader")]
    del provider.person["groups"]
    log_in(client, provider)
    assert roles_of("anna") == {"role:reader"}


def test_roles_follow_the_groups_at_each_log_in(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    User.objects.get().groups.add(Group.objects.create(name="Night shift"))
    provider.person["groups"] = ["leads"]
    log_in(Client(), provider)
    assert roles_of("anna") == {"role:administrator", "Night shift"}
    assert not is_in(client)  # the session with the former roles
    entry = AuditEntry.objects.get(operation="follow_groups")
    assert entry.before == {"groups": ["Night shift", "role:publisher"]}
    assert entry.after == {"groups": ["Night shift", "role:administrator"]}


def test_person_who_loses_the_last_group_is_refused(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    provider.person["groups"] = []
    assert log_in(Client(), provider).status_code == 403
    assert roles_of("anna") == set()
    assert not is_in(client)


def test_superuser_stays_one(client: Client, provider: OIDCProvider) -> None:
    boss = User.objects.create_superuser("boss")
    ExternalAccount.objects.create(user=boss, issuer=provider.address, subject="anna-1")
    provider.person["groups"] = []
    log_in(client, provider)
    assert is_in(client)
    assert User.objects.get().is_superuser


def test_inactive_account_is_refused(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    User.objects.update(is_active=False)
    answer = log_in(Client(headers={"Accept-Language": "en"}), provider)
    assert answer.status_code == 403
    assert "not active" in answer.content.decode()
    assert not is_in(client)


def test_key_of_the_session_changes(client: Client, provider: OIDCProvider) -> None:
    begun: Any = client.get(BEGIN)
    before = client.session.session_key
    client.get(callback(provider.authorize(begun.url)))
    assert client.session.session_key != before
    assert "oidc_attempts" not in client.session


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_other_sites_are_no_target(client: Client, provider: OIDCProvider, wanted: str) -> None:
    assert log_in(client, provider, f"?next={wanted}").url == "/admin/"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": "other", "azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "other"]},
        {"azp": "other"},
        {"exp": int(NOON.timestamp()) - 61},
        {"iat": int(NOON.timestamp()) + 61},
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "two\nlines"},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_token_with_wrong_claims_is_refused(client: Client, provider: OIDCProvider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    answer = log_in(client, provider)
    assert answer.status_code == 502
    assert "not valid" in answer.content.decode()
    assert not is_in(client)
    assert operations() == ["fail_single_sign_on"]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_algorithm_without_a_public_key_is_refused(client: Client, provider: OIDCProvider, algorithm: str) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = ["RS256", "HS256", "none"]
    provider.algorithm = algorithm
    assert log_in(client, provider).status_code == 502
    assert not is_in(client)


def test_signature_of_another_key_is_refused(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    kid = str(provider.key.kid)
    provider.key = type(provider.key).generate_key(2048, {"kid": kid})  # the published one is kept
    assert log_in(Client(), provider).status_code == 502


def test_keys_are_read_again_if_the_token_has_a_new_one(client: Client, provider: OIDCProvider) -> None:
    log_in(client, provider)
    log_in(Client(), provider)
    assert provider.requests.count("/keys") == 1
    provider.rotate_key()
    assert log_in(Client(), provider).status_code == 302
    assert provider.requests.count("/keys") == 2


def test_clock_of_the_provider_may_differ_by_a_minute(client: Client, provider: OIDCProvider) -> None:
    provider.claims = {"exp": int(NOON.timestamp()) - 59, "iat": int(NOON.timestamp()) - 400}
    assert log_in(client, provider).status_code == 302


def test_answer_can_be_used_once(client: Client, provider: OIDCProvider) -> None:
    begun: Any = client.get(BEGIN)
    way_back = callback(provider.authorize(begun.url))
    assert client.get(way_back).status_code == 302
    assert client.get(way_back).status_code == 400


def test_answer_belongs_to_the_session_that_asked(client: Client, provider: OIDCProvider) -> None:
    begun: Any = client.get(BEGIN)
    way_back = callback(provider.authorize(begun.url))
    other = Client()
    other.get(BEGIN)
    assert other.get(way_back).status_code == 400
    assert not is_in(other)
    assert "fail_single_sign_on" not in operations()  # anybody can open that address


def test_answer_comes_within_ten_minutes(client: Client, provider: OIDCProvider, clock: time_machine.Traveller) -> None:
    begun: Any = client.get(BEGIN)
    way_back = callback(provider.authorize(begun.url))
    clock.shift(timedelta(minutes=10, seconds=1))
    assert client.get(way_back).status_code == 400


def test_tabs_do_not_disturb_each_other(client: Client, provider: OIDCProvider) -> None:
    first: Any = client.get(BEGIN)
    second: Any = client.get(BEGIN)
    assert client.get(callback(provider.authorize(first.url))).status_code == 302
    assert client.get(callback(provider.authorize(second.url))).status_code == 400  # the session is a new one


def test_person_who_declines_is_told(client: Client, provider: OIDCProvider) -> None:
    provider.error = "access_denied"
    answer = log_in(client, provider)
    assert answer.status_code == 403
    assert "did not let you in" in answer.content.decode()
    assert operations() == ["fail_single_sign_on"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": None},
        {"token_endpoint": "ftp://id.example.com/token"},
        {"authorization_endpoint": 7},
    ],
)
def test_broken_description_of_the_provider_is_said(
    client: Client, provider: OIDCProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    answer = client.get(BEGIN)
    assert answer.status_code == 502
    assert "cannot be reached" in answer.content.decode()


def test_provider_that_is_down_is_said(client: Client, provider: OIDCProvider, settings: Settings) -> None:
    settings.OIDC = settings.OIDC._replace(issuer="http://127.0.0.1:9")
    assert client.get(BEGIN).status_code == 502
    provider.status = 500
    settings.OIDC = settings.OIDC._replace(issuer=provider.address)
    assert client.get(BEGIN).status_code == 502


def test_endless_answer_is_cut(client: Client, provider: OIDCProvider) -> None:
    provider.filler = 600_000
    assert client.get(BEGIN).status_code == 502


def test_groups_may_be_in_the_user_info(client: Client, provider: OIDCProvider) -> None:
    provider.only_in_user_info = {"groups", "preferred_username"}
    log_in(client, provider)
    assert roles_of("anna") == {"role:publisher"}


def test_user_info_about_somebody_else_is_refused(client: Client, provider: OIDCProvider) -> None:
    provider.only_in_user_info = {"groups"}
    provider.claims = {"sub": "mallory"}
    assert log_in(client, provider).status_code == 502


def test_claim_may_be_within_another(client: Client, provider: OIDCProvider, settings: Settings) -> None:
    settings.OIDC = settings.OIDC._replace(groups_claim="realm_access.roles")
    provider.person["realm_access"] = {"roles": ["leads"]}
    log_in(client, provider)
    assert roles_of("anna") == {"role:administrator"}


def test_second_factor_is_the_providers_task(client: Client, provider: OIDCProvider, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    log_in(client, provider)
    assert is_in(client)


def test_nothing_secret_is_logged(client: Client, provider: OIDCProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    begun: Any = client.get(BEGIN)
    answer = provider.authorize(begun.url)
    provider.claims = {"aud": "other"}
    client.get(callback(answer))
    client.get(callback(answer))
    assert "Single sign-on failed" in caplog.text
    assert not [word for word in [*answer.values(), CLIENT_SECRET, "eyJ"] if word in caplog.text]


def test_log_in_begins_a_hundred_times_at_once_from_a_network(client: Client, provider: OIDCProvider) -> None:
    answers = [client.get(BEGIN).status_code for _number in range(102)]
    assert answers == [302] * 100 + [429] * 2


ADD = "/admin/auth/user/add/"


@pytest.fixture
def lead(client: Client, provider: OIDCProvider) -> Client:
    """An administrator whose password was typed at the provider an hour ago."""
    provider.person["groups"] = ["leads"]
    provider.claims["auth_time"] = int(NOON.timestamp()) - 3600
    log_in(client, provider)
    return client


def test_accounts_need_a_password_that_was_just_typed_at_the_provider(lead: Client, provider: OIDCProvider) -> None:
    page = lead.get(ADD).content.decode()
    assert "Confirm that it is you" in page
    assert f"{BEGIN}?confirm=1&amp;next=%2Fadmin%2Fauth%2Fuser%2Fadd%2F" in page
    begun: Any = lead.get(f"{BEGIN}?confirm=1&next={ADD}")
    assert "prompt=login" in begun.url
    assert "max_age=0" in begun.url
    provider.claims["auth_time"] = int(NOON.timestamp())
    before = lead.session.session_key
    ended: Any = lead.get(callback(provider.authorize(begun.url)))
    assert ended.url == ADD
    assert lead.session.session_key != before
    assert "Confirm that it is you" not in lead.get(ADD).content.decode()


@pytest.mark.parametrize("since", [int(NOON.timestamp()) - 61, None])
def test_provider_that_asks_for_no_password_confirms_nothing(
    lead: Client, provider: OIDCProvider, since: int | None
) -> None:
    provider.claims["auth_time"] = since
    assert log_in(lead, provider, "?confirm=1").status_code == 403
    assert "Confirm that it is you" in lead.get(ADD).content.decode()


def test_somebody_else_confirms_nothing(lead: Client, provider: OIDCProvider) -> None:
    provider.person |= {"sub": "somebody-else", "preferred_username": "berit"}
    provider.claims["auth_time"] = int(NOON.timestamp())
    assert log_in(lead, provider, "?confirm=1").status_code == 403
    assert "Confirm that it is you" in lead.get(ADD).content.decode()


def test_form_that_was_sent_is_saved_after_the_confirmation(lead: Client, provider: OIDCProvider) -> None:
    page = lead.post("/admin/auth/group/add/", {"name": "Night shift"}).content.decode()
    assert 'target="_blank"' in page
    assert 'name="name" value="Night shift"' in page
    provider.claims["auth_time"] = int(NOON.timestamp())
    log_in(lead, provider, "?confirm=1")
    lead.post("/admin/auth/group/add/", {"name": "Night shift", "confirm-method": "POST"})
    assert Group.objects.filter(name="Night shift").exists()


def test_recent_password_at_the_provider_counts(client: Client, provider: OIDCProvider) -> None:
    provider.person["groups"] = ["leads"]
    provider.claims["auth_time"] = int(NOON.timestamp()) - 60
    log_in(client, provider)
    assert "Confirm that it is you" not in client.get(ADD).content.decode()


def test_log_out_offers_to_log_out_of_the_provider(client: Client, provider: OIDCProvider) -> None:
    provider.metadata["end_session_endpoint"] = f"{provider.address}/bye"
    log_in(client, provider)
    page = client.post("/admin/logout/").content.decode()
    assert f"{provider.address}/bye?post_logout_redirect_uri=https%3A%2F%2Fstatus.example.dk%2Fadmin%2Flogin%2F" in page
    assert not is_in(client)


def test_log_out_works_while_the_provider_is_down(client: Client, provider: OIDCProvider, settings: Settings) -> None:
    log_in(client, provider)
    ExternalAccount.objects.update(issuer="http://127.0.0.1:9")
    settings.OIDC = settings.OIDC._replace(issuer="http://127.0.0.1:9")
    assert client.post("/admin/logout/").status_code == 200
    assert not is_in(client)


def test_administrator_links_an_account(client: Client, provider: OIDCProvider, publisher: Client) -> None:
    anna = User.objects.create_user("anna", is_staff=True)
    address = f"/admin/auth/user/{anna.pk}/single-sign-on/"
    assert log_in(client, provider).status_code == 403
    publisher.post(address, {"issuer": provider.address, "subject": "anna-1"})
    assert log_in(client, provider).status_code == 302
    assert is_in(client)
    again = publisher.post(address, {"issuer": provider.address, "subject": "anna-1"})
    assert (again.status_code, ExternalAccount.objects.count()) == (422, 1)
    publisher.post(address, {"unlink": ExternalAccount.objects.get().pk})
    assert not ExternalAccount.objects.exists()
    assert not is_in(client)
    assert {"link_account", "unlink_account"} <= set(operations())


def test_administrator_cannot_link_an_account_with_more_rights(lead: Client, provider: OIDCProvider) -> None:
    boss = User.objects.create_superuser("boss")
    provider.claims["auth_time"] = int(NOON.timestamp())
    log_in(lead, provider, "?confirm=1")
    answer = lead.post(f"/admin/auth/user/{boss.pk}/single-sign-on/", {"issuer": provider.address, "subject": "x"})
    assert answer.status_code == 403
    assert ExternalAccount.objects.filter(user=boss).count() == 0


def test_waiting_for_the_provider_leaves_threads_for_pages(client: Client, provider: OIDCProvider) -> None:
    with oidc_client._places, oidc_client._places:
        assert client.get(BEGIN).status_code == 502
    assert client.get(BEGIN).status_code == 302
