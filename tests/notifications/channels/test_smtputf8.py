"""Addresses with other letters than a–z before the @, against a real SMTP server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller
from pytest_django import Settings

from harness.ports import free_port
from incidents.models import Delivery
from incidents.notifications import jobs
from tests.factories import make_page
from tests.subscriptions.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)

SOREN = "søren@xn--blbr-roah.dk"


class Inbox:
    """Keeps the envelope of each message."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        self.envelopes.append(envelope)
        return "250 OK"


@contextmanager
def mail_server(settings: Settings, *, offers_utf8: bool) -> Iterator[Inbox]:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=offers_utf8)
    server.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.hostname, server.port
    settings.EMAIL_SMTPUTF8 = True
    try:
        yield inbox
    finally:
        server.stop()


@pytest.fixture
def anna() -> Iterator[Visitor]:
    make_page()
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) as clock:
        yield Visitor(clock, language="en")


def test_message_to_such_an_address_asks_for_smtputf8(anna: Visitor, settings: Settings) -> None:
    with mail_server(settings, offers_utf8=True) as inbox:
        for address in ("Søren@blåbær.dk", "anna@blåbær.dk"):
            anna.sign_up(address)
        jobs.send_messages()
    by_recipient = {envelope.rcpt_tos[0]: envelope for envelope in inbox.envelopes}
    special, plain = by_recipient["Søren@xn--blbr-roah.dk"], by_recipient["anna@xn--blbr-roah.dk"]
    assert (special.smtp_utf8, plain.smtp_utf8) == (True, False)
    assert plain.original_content.isascii()
    assert "\r\nTo: <Søren@xn--blbr-roah.dk>\r\n".encode() in special.original_content


def test_server_without_smtputf8_is_not_asked(anna: Visitor, settings: Settings) -> None:
    with mail_server(settings, offers_utf8=False) as inbox:
        anna.sign_up(SOREN)
        jobs.send_messages()
    assert inbox.envelopes == []
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reply_code) == ("failed", 553)
    assert "5.6.7" in delivery.reply
