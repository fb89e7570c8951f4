"""One-time log-in links: a way in without a password, once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from incidents.models import AuditEntry, LogInLink
from incidents.scheduler import forget_sessions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

LINK = "/admin/log-in-link/"


@pytest.fixture
def karen(settings: Settings) -> User:
    settings.LOCAL_LOG_IN = False
    return User.objects.create_superuser("karen", password="right")


def token(capsys: pytest.CaptureFixture[str], name: str = "karen") -> str:
    call_command("log_in_link", name)
    address, _query, found = capsys.readouterr().out.strip().partition("?token=")
    assert address == f"https://status.example.dk{LINK}"
    return found


def use(secret: str) -> Any:
    return Client(headers={"Accept-Language": "en"}).post(LINK, {"token": secret})


def test_link_logs_in_once(karen: User, capsys: pytest.CaptureFixture[str]) -> None:
    secret = token(capsys)
    client = Client()
    page = client.get(f"{LINK}?token={secret}")
    assert page.status_code == 200
    assert client.get("/admin/sessions/").status_code == 302  # opening it changes nothing
    assert client.post(LINK, {"token": secret}).status_code == 302
    assert client.get("/admin/sessions/").status_code == 200
    again = use(secret)
    assert again.status_code == 410
    assert "used already" in again.content.decode()


def test_link_works_for_fifteen_minutes(
    karen: User, capsys: pytest.CaptureFixture[str], clock: time_machine.Traveller
) -> None:
    secret = token(capsys)
    clock.shift(timedelta(minutes=15))
    assert use(secret).status_code == 410
    forget_sessions()
    assert not LogInLink.objects.exists()


def test_new_link_replaces_the_earlier_one(karen: User, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = token(capsys), token(capsys)
    assert use(first).status_code == 410
    assert use(second).status_code == 302


def test_token_is_stored_hashed(karen: User, capsys: pytest.CaptureFixture[str]) -> None:
    secret = token(capsys)
    assert secret not in LogInLink.objects.get().key


def test_second_factor_is_still_needed(karen: User, capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    assert use(token(capsys)).url == "/admin/second-factor/set-up/"


def test_account_must_be_active(karen: User, capsys: pytest.CaptureFixture[str]) -> None:
    secret = token(capsys)
    User.objects.update(is_active=False)
    assert use(secret).status_code == 410
    with pytest.raises(CommandError, match="No active staff account"):
        token(capsys)


def test_link_and_its_use_are_in_the_audit_log(karen: User, capsys: pytest.CaptureFixture[str]) -> None:
    use(token(capsys))
    made, used = AuditEntry.objects.order_by("pk")[:2]
    assert (made.operation, made.actor_kind, made.actor_name) == ("make_log_in_link", "command", "log_in_link")
    assert (used.operation, used.actor_name) == ("use_log_in_link", "karen")


def test_password_is_refused_where_local_log_in_is_off(karen: User) -> None:
    client = Client(headers={"Accept-Language": "en"})
    answer = client.post("/admin/login/", {"username": "karen", "password": "right"})
    assert answer.status_code == 403
    assert 'name="password"' not in answer.content.decode()
    assert client.get("/admin/sessions/").status_code == 302
