"""A mail provider's webhook, called with Mailgun's own body and signature."""

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Bounce, Delivery, Subscriber
from incidents.notifications.bounces import recording
from incidents.subscriptions import provider
from tests.factories import make_subscriber
from tests.notifications.helpers import announced
from tests.support import mailgun

pytestmark = pytest.mark.django_db

# As sent by Mailgun's test tool, without the parts that concern neither message nor recipient.
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


@pytest.fixture(autouse=True)
def _mailgun(settings: Settings) -> None:
    mailgun.use(settings)


@pytest.fixture
def delivery() -> Delivery:
    """The earlier of two deliveries to one subscriber."""
    make_subscriber("karen@example.dk", confirmed_at=timezone.now() - timedelta(days=9))
    announced()
    announced()
    Delivery.objects.update(state="sent", sent_at=timezone.now(), attempts=1)
    return Delivery.objects.earliest("id")


def call(
    *,
    client: Client | None = None,
    key: str = mailgun.KEY,
    password: str = "secret",
    message_id: str = "",
    status: object = None,
    **event: Any,
) -> int:
    """Send an event and return the status of the response."""
    data = {**PERMANENT, "delivery-status": status or PERMANENT["delivery-status"], **event}
    data["message"] = {"headers": {"message-id": message_id.strip("<>")}}
    signature = hmac.new(key.encode(), b"1529006854token", hashlib.sha256).hexdigest()
    body = {"signature": {"timestamp": "1529006854", "token": "token", "signature": signature}, "event-data": data}
    login = b64encode(f"mailgun:{password}".encode()).decode()
    response = (client or Client()).post(
        "/bounces/mailgun/",
        json.dumps(body),
        content_type="application/json",
        headers={"authorization": f"Basic {login}"},
    )
    return response.status_code


def test_permanent_bounce_suspends_the_subscriber(delivery: Delivery) -> None:
    assert call(message_id=delivery.message_id) == 200
    reader = Subscriber.objects.get()
    assert (reader.state, reader.suspended_because.startswith("5.1.1 ")) == ("suspended", True)
    found = Bounce.objects.get()
    assert (found.consequence, found.status) == ("suspended", "5.1.1")
    assert found.announcement_id == delivery.announcement_id


def test_unknown_message_id_is_attributed_to_the_newest_delivery(delivery: Delivery) -> None:
    assert call(message_id="<its-own@mailgun.example>") == 200
    assert Bounce.objects.get().announcement_id == Delivery.objects.latest("id").announcement_id


@pytest.mark.parametrize(("severity", "consequence"), [("temporary", "delayed"), ("permanent", "passing")])
def test_busy_server_does_not_suspend_the_subscriber(delivery: Delivery, severity: str, consequence: str) -> None:
    assert call(status=BUSY, severity=severity) == 200
    assert Bounce.objects.get().consequence == consequence
    assert Subscriber.objects.get().state == "active"


def test_complaint_unsubscribes_once(delivery: Delivery) -> None:
    assert [call(event="complained", severity=""), call(event="complained", severity="")] == [200, 200]
    assert Subscriber.objects.get().state == "unsubscribed"
    assert Bounce.objects.get().consequence == "complained"


def test_other_events_and_unknown_addresses_change_nothing(delivery: Delivery) -> None:
    assert call(event="delivered") == 200
    assert call(recipient="nobody@example.dk") == 200
    assert not Bounce.objects.exists()


def test_report_without_valid_password_and_signature_is_refused(delivery: Delivery) -> None:
    assert [call(password="guessed"), call(key="guessed")] == [400, 400]
    assert Subscriber.objects.get().state == "active"


@pytest.mark.parametrize(
    "event",
    [
        {"recipient": 5},
        {"recipient": ["karen@example.dk"]},
        {"recipient": "karen@example.dk\x00"},
        {"recipient": "\ud800@example.dk"},
        {"recipient": "a" * 100_000},
        {"status": {"code": {}, "message": 5, "description": []}},
        {"status": {"message": "\x00\ud800" * 9000}},
        {"status": "busy"},
        {"severity": {}},
        {"reason": ["bounce"]},
        {"timestamp": "soon"},
        {"timestamp": 1e300},
        {"event": None},
        {"event": []},
        {"user-variables": 5},
    ],
)
def test_malformed_event_is_no_error_of_ours(delivery: Delivery, event: dict[str, Any]) -> None:
    assert call(**event) in {200, 400}


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, AttributeError, RecursionError])
def test_error_of_ours_is_reported_so_that_the_provider_retries(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_arguments: object) -> None:
        raise error("ours")

    monkeypatch.setattr(recording, "record", fail)
    client = Client(raise_request_exception=False)
    assert call(client=client, message_id=delivery.message_id) == 500


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'"\\ud800"', b"\xff", b"[" * 100_000, b'{"signature": 5}'])
def test_body_that_is_no_event_is_refused(delivery: Delivery, body: bytes) -> None:
    client = Client(headers={"authorization": f"Basic {b64encode(b'mailgun:secret').decode()}"})
    assert client.post("/bounces/mailgun/", body, content_type="application/json").status_code == 400


def test_without_a_provider_there_is_no_url(settings: Settings) -> None:
    settings.MAIL_PROVIDER = ""
    assert provider.urls() == []
