"""A provider calls as it really does: with the body that Mailgun sends, signed as Mailgun signs."""

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Bounce, Delivery, Subscriber
from incidents.subscriptions import provider
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

KEY = "key-of-mailgun"
# As recorded by Mailgun's own tester, shortened by what concerns neither letter nor recipient.
PERMANENT = {
    "event": "failed",
    "severity": "permanent",
    "reason": "bounce",
    "timestamp": 1521233195.375624,
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "log-level": "error",
    "recipient": "karen@example.dk",
    "recipient-domain": "example.dk",
    "delivery-status": {
        "attempt-no": 1,
        "code": 550,
        "description": "",
        "message": "5.1.1 The email account that you tried to reach does not exist",
        "session-seconds": 0.1281740665435791,
    },
    "flags": {"is-authenticated": True, "is-routed": False, "is-system-test": False, "is-test-mode": False},
    "message": {
        "attachments": [],
        "headers": {"from": "status@example.dk", "message-id": "MESSAGE-ID", "subject": "S", "to": "karen@example.dk"},
        "size": 9111,
    },
    "storage": {"key": "eyJwI", "url": "https://se.api.mailgun.net/v3/domains/example.dk/messages/eyJwI"},
    "tags": [],
    "user-variables": {},
}
BUSY = {
    "code": 451,
    "message": "4.7.500 Server busy. Please try again later from [192.0.2.7].",
    "retry-seconds": 600,
}
urlpatterns: list[URLPattern] = []


@pytest.fixture(autouse=True)
def _mailgun(settings: Settings) -> None:
    settings.MAIL_PROVIDER, settings.MAIL_PROVIDER_VIEW = "mailgun", "MailgunTrackingWebhookView"
    settings.ANYMAIL = {"WEBHOOK_SECRET": "mailgun:secret", "MAILGUN_WEBHOOK_SIGNING_KEY": KEY}
    urlpatterns[:] = provider.urls()
    settings.ROOT_URLCONF = __name__
    settings.ANNOUNCEMENT_HOLD = 0


@pytest.fixture
def letter() -> Delivery:
    """The earlier of two that went to one reader."""
    make_subscriber("karen@example.dk", confirmed_at=timezone.now() - timedelta(days=9))
    announced()
    announced()
    Delivery.objects.update(state="sent", sent_at=timezone.now(), attempts=1)
    return Delivery.objects.earliest("id")


def call(*, key: str = KEY, password: str = "secret", message_id: str = "", status: object = None, **event: str) -> int:
    """The status that the provider gets."""
    data = {**PERMANENT, "delivery-status": status or PERMANENT["delivery-status"], **event}
    data["message"] = {"headers": {"message-id": message_id.strip("<>")}}
    signature = hmac.new(key.encode(), b"1529006854token", hashlib.sha256).hexdigest()
    body = {"signature": {"timestamp": "1529006854", "token": "token", "signature": signature}, "event-data": data}
    login = b64encode(f"mailgun:{password}".encode()).decode()
    client = Client(headers={"authorization": f"Basic {login}"})
    return client.post("/bounces/mailgun/", json.dumps(body), content_type="application/json").status_code


def test_a_provider_that_finds_no_such_address_ends_with_a_suspended_reader(letter: Delivery) -> None:
    assert call(message_id=letter.message_id) == 200
    reader = Subscriber.objects.get()
    assert (reader.state, reader.suspended_because.startswith("5.1.1 ")) == ("suspended", True)
    found = Bounce.objects.get()
    assert (found.consequence, found.status) == ("suspended", "5.1.1")
    assert found.announcement_id == letter.announcement_id


def test_a_provider_that_changes_the_message_id_means_the_newest_letter(letter: Delivery) -> None:
    assert call(message_id="<its-own@mailgun.example>") == 200
    assert Bounce.objects.get().announcement_id == Delivery.objects.latest("id").announcement_id


@pytest.mark.parametrize(("severity", "consequence"), [("temporary", "delayed"), ("permanent", "passing")])
def test_server_busy_suspends_nobody_whether_late_or_given_up(
    letter: Delivery, severity: str, consequence: str
) -> None:
    assert call(status=BUSY, severity=severity) == 200
    assert Bounce.objects.get().consequence == consequence
    assert Subscriber.objects.get().state == "active"


def test_who_calls_a_letter_unwanted_is_unsubscribed_at_once_and_once(letter: Delivery) -> None:
    assert [call(event="complained", severity=""), call(event="complained", severity="")] == [200, 200]
    assert Subscriber.objects.get().state == "unsubscribed"
    assert Bounce.objects.get().consequence == "complained"


def test_other_news_and_unknown_addresses_change_nothing(letter: Delivery) -> None:
    assert call(event="delivered") == 200
    assert call(recipient="nobody@example.dk") == 200
    assert not Bounce.objects.exists()


def test_nobody_is_believed_without_the_password_and_the_signature(letter: Delivery) -> None:
    assert [call(password="guessed"), call(key="guessed")] == [400, 400]
    assert Subscriber.objects.get().state == "active"


def test_without_a_provider_there_is_no_address_to_call(settings: Settings) -> None:
    settings.MAIL_PROVIDER = ""
    assert provider.urls() == []
