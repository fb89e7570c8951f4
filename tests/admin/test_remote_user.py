"""A proxy that authenticates: its header counts, and nobody else's."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from incidents.models import AuditEntry
from incidents.staff import roles

pytestmark = pytest.mark.django_db

PROXY, STRANGER = "10.20.0.1", "192.0.2.7"


@pytest.fixture(autouse=True)
def _proxy(settings: Settings, db: None) -> None:
    roles.update_groups()
    settings.TRUSTED_PROXIES, settings.TRUST_UNIX_SOCKET = [ip_network(f"{PROXY}/32")], False
    settings.REMOTE_USER_HEADER, settings.REMOTE_GROUPS_HEADER = "HTTP_X_REMOTE_USER", "HTTP_X_REMOTE_GROUPS"
    settings.SSO_ROLES = [("ops", "role:publisher"), ("leads", "role:administrator")]


def browser(peer: str = PROXY) -> Client:
    return Client(REMOTE_ADDR=peer, headers={"Accept-Language": "en"})


def opens(client: Client, name: str | None, groups: str = "football, ops", path: str = "/admin/login/") -> Any:
    headers = {"X-Remote-User": name, "X-Remote-Groups": groups} if name is not None else {}
    return client.get(path, headers=headers)


def is_in(client: Client, name: str | None) -> bool:
    return bool(opens(client, name, path="/admin/sessions/").status_code == 200)


def test_person_whom_the_proxy_names_is_logged_in() -> None:
    client = browser()
    answer = opens(client, "anna", path="/admin/login/?next=/admin/sessions/")
    assert (answer.status_code, answer.url) == (302, "/admin/sessions/")
    assert is_in(client, "anna")
    assert set(User.objects.get().groups.values_list("name", flat=True)) == {"role:publisher"}


def test_header_of_a_stranger_is_ignored() -> None:
    client = browser(STRANGER)
    assert opens(client, "anna").status_code == 200
    assert not is_in(client, "anna")
    assert not User.objects.exists()


def test_proxy_that_is_reached_past_the_header_logs_nobody_in() -> None:
    assert opens(browser(), None).status_code == 200
    assert opens(browser(), "").status_code == 200


def test_session_ends_when_the_proxy_names_somebody_else_or_nobody() -> None:
    for other in ("berit", None):
        client = browser()
        opens(client, "anna")
        assert is_in(client, "anna")
        assert not is_in(client, other)
        assert not is_in(client, None)


def test_local_account_of_the_same_name_is_not_taken_over() -> None:
    User.objects.create_superuser("Anna")
    answer = opens(browser(), "anna")
    assert answer.status_code == 403
    assert "the company log-in" in answer.content.decode()
    assert AuditEntry.objects.get().operation == "fail_single_sign_on"


def test_name_may_contain_letters_beyond_ascii() -> None:
    opens(browser(), "åse".encode().decode("latin-1"))
    assert User.objects.get().username == "åse"


def test_accounts_need_no_password_again() -> None:
    client = browser()
    opens(client, "anna", "leads")
    assert opens(client, "anna", "leads", "/admin/auth/user/add/").status_code == 200


def test_log_in_without_passwords_says_where_to_log_in(settings: Settings) -> None:
    settings.LOCAL_LOG_IN = False
    page = opens(browser(STRANGER), None).content.decode()
    assert "this page does not take passwords" in page
    assert 'name="password"' not in page
