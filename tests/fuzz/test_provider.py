"""No validly signed event of a mail provider makes the product fail, whatever its fields are."""

import hashlib
import hmac
import json
import logging
from base64 import b64encode
from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Bounce, Delivery
from statuspage.logs import RedactingFormatter
from tests.factories import make_subscriber
from tests.notifications.helpers import announced
from tests.support import mailgun

from .campaign import fuzz

pytestmark = pytest.mark.django_db

LOGIN = b64encode(mailgun.LOGIN.encode()).decode()
FAILED = {
    "event": "failed",
    "severity": "permanent",
    "reason": "bounce",
    "timestamp": 1521233195.375624,
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "recipient": "anna@example.dk",
    "delivery-status": {"code": 550, "description": "", "message": "5.1.1 No such user", "retry-seconds": 600},
    "message": {"headers": {"message-id": "a@example.dk", "to": "anna@example.dk"}, "size": 9111},
    "tags": [],
    "user-variables": {},
}
EVENTS = (FAILED, {**FAILED, "severity": "temporary"}, {**FAILED, "event": "complained"}, {**FAILED, "event": "opened"})
WORDS = (b'"recipient":', b'"timestamp":', b"null", b"[]", b"{}", b"true", b'"\\u0000"', b'"\\ud800"', b"NaN", b"1e999")


@pytest.fixture(autouse=True)
def _mailgun(settings: Settings) -> None:
    mailgun.use(settings)


def test_no_signed_event_makes_the_product_fail(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    make_subscriber("anna@example.dk")
    announced()
    Delivery.objects.update(state="sent", sent_at=timezone.now(), attempts=1)
    seeds = [json.dumps(event).encode() for event in EVENTS]
    assert caller(caplog)(seeds[0]) == 200
    fuzz("provider_event", caller(caplog), seeds=seeds, words=WORDS, number=200)
    assert not Bounce.objects.exists()


def caller(caplog: pytest.LogCaptureFixture) -> Callable[[bytes], int]:
    """Return a function that sends an event, which need not be JSON, and undoes what it did."""
    signature = hmac.new(mailgun.KEY.encode(), b"1529006854token", hashlib.sha256).hexdigest()
    signed = json.dumps({"timestamp": "1529006854", "token": "token", "signature": signature}).encode()
    client = Client(headers={"authorization": f"Basic {LOGIN}"}, raise_request_exception=False)

    def call(event: bytes) -> int:
        caplog.clear()
        body = b'{"signature": ' + signed + b', "event-data": ' + event + b"}"
        with transaction.atomic():
            status: int = client.post("/bounces/mailgun/", body, content_type="application/json").status_code
            transaction.set_rollback(True)
        assert status in {200, 400}
        lines = [RedactingFormatter().format(record) for record in caplog.records]
        assert not [line for line in lines if "Traceback" in line]
        return status

    return call
