"""Staff are notified of log-ins on new devices, and of a new password or address; a failure stops nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from incidents.models import StaffSession
from tests.admin.filling import filled
from tests.factories import make_page
from tests.support.log_ins import FIREFOX, SAFARI

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PASSWORD = "a password of Karen's"


def _at_once(do: Callable[[], None], robust: bool) -> None:
    assert robust
    do()


@pytest.fixture(autouse=True)
def _after_each_request(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send at once, because nothing commits in these tests."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    monkeypatch.setattr("incidents.sign_in.emails.transaction.on_commit", _at_once)


@pytest.fixture
def karen(db: None) -> User:
    make_page(name={"da": "Driftsstatus", "en": "Status"}, time_zone="Europe/Copenhagen")
    return User.objects.create_superuser("karen", "karen@example.com", PASSWORD)


def log_in(user: User, agent: str = FIREFOX, address: str = "192.0.2.17", language: str = "en") -> Client:
    client = Client(REMOTE_ADDR=address, headers={"Accept-Language": language, "User-Agent": agent})
    client.force_login(user)
    client.get("/admin/")
    return client


def sent() -> list[tuple[str, str]]:
    return [(message.to[0], str(message.subject)) for message in mail.outbox]


def test_log_in_on_a_new_device_is_reported_with_time_and_place(karen: User, settings: Settings) -> None:
    log_in(karen)
    (message,) = mail.outbox
    assert message.to == ["karen@example.com"]
    assert message.subject == "Log-in on a new device: Status"
    text = str(message.body)
    assert "your account “karen” of “Status”" in text
    assert "26 November 2026" in text
    assert "13:00" in text
    assert "Device: Firefox on Windows\nNetwork: 192.0.2.0/24\n" in text
    assert "192.0.2.17" not in text
    assert f"{settings.SITE_URL}/admin/sessions/" in text
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}


def test_known_device_in_a_known_network_is_not_reported(karen: User, clock: time_machine.Traveller) -> None:
    log_in(karen)
    clock.shift(timedelta(days=89))
    log_in(karen, address="192.0.2.99")
    assert len(mail.outbox) == 1
    log_in(karen, SAFARI)
    log_in(karen, address="198.51.100.1")
    assert len(mail.outbox) == 3
    clock.shift(timedelta(days=91))
    log_in(karen)
    assert len(mail.outbox) == 4


def test_further_pages_report_nothing(karen: User) -> None:
    client = log_in(karen)
    client.get("/admin/")
    assert len(mail.outbox) == 1


def test_email_is_in_the_language_of_the_person(karen: User) -> None:
    log_in(karen, language="da")
    assert mail.outbox[0].subject == "Login på en ny enhed: Driftsstatus"
    assert "Firefox på Windows" in str(mail.outbox[0].body)


def test_account_without_an_address_gets_none(karen: User) -> None:
    log_in(User.objects.create_user("ole", is_staff=True))
    assert not mail.outbox


def test_own_new_password_is_reported(karen: User) -> None:
    client = log_in(karen)
    mail.outbox.clear()
    new = {"new_password1": "another of Karen's", "new_password2": "another of Karen's"}
    client.post("/admin/password_change/", {"old_password": "wrong", **new})
    assert not mail.outbox
    client.post("/admin/password_change/", {"old_password": PASSWORD, **new})
    client.get("/admin/")
    assert sent() == [("karen@example.com", "Your password was changed: Status")]
    assert "Changed by" not in str(mail.outbox[0].body)


def test_password_set_by_an_administrator_is_reported_with_the_name(karen: User) -> None:
    ole = User.objects.create_user("ole", "ole@example.com", is_staff=True)
    client = log_in(karen)
    mail.outbox.clear()
    new = {"password1": "a password for Ole", "password2": "a password for Ole", "usable_password": "true"}
    client.post(reverse("admin:auth_user_password_change", args=[ole.pk]), new)
    (message,) = mail.outbox
    assert message.to == ["ole@example.com"]
    assert message.subject == "Din adgangskode er ændret: Driftsstatus"  # nothing is known of Ole's language
    assert "Ændret af: karen" in str(message.body)


def test_new_address_is_reported_to_both(karen: User) -> None:
    client = log_in(karen)
    mail.outbox.clear()
    address = reverse("admin:auth_user_change", args=[karen.pk])
    page: Any = client.get(address)
    left_out = {"groups", "user_permissions", "last_login", "date_joined"}
    form = filled(page.context["adminform"].form)
    given = {name: value for name, value in form.items() if name not in left_out}
    client.post(address, given)
    assert not mail.outbox
    assert client.post(address, {**given, "email": "new@example.com"}).status_code == 302
    subject = "Your email address was changed: Status"
    assert sent() == [("karen@example.com", subject), ("new@example.com", subject)]


def test_failure_is_logged_and_stops_nothing(
    karen: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("incidents.sign_in.sending.EmailMessage.send", refuse)
    client = log_in(karen)
    assert client.get("/admin/").status_code == 200
    assert StaffSession.objects.count() == 1
    (record,) = [one for one in caplog.records if one.name == "incidents.sign_in.sending"]
    assert record.getMessage() == "An email about the account of karen could not be sent"
    assert "karen@example.com" not in caplog.text
