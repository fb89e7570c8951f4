"""Any exception while one message is sent defers this message; the others are sent, and none stays claimed."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due
from harness.smtp_server import ScriptedServer
from incidents import guard
from incidents.models import Attempt, Delivery, Destination, Holder
from incidents.notifications import jobs
from incidents.notifications.channels import webhook
from incidents.notifications.channels.base import Reply
from incidents.notifications.channels.email import EmailChannel
from incidents.notifications.channels.smtp import SmtpConnection
from incidents.notifications.channels.smtp_socket import SmtpSocket
from incidents.notifications.messages.email import RenderedEmail
from incidents.notifications.messages.payloads import Payload
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, states
from tests.support.receiver import Receiver

pytestmark = pytest.mark.django_db


class UnheardOf(MemoryError):
    """An exception that no code knows."""


# A StopIteration cannot be raised into a future.
ERRORS = [OverflowError, RecursionError, UnicodeError, UnheardOf, StopIteration]
errors = pytest.mark.parametrize("error", ERRORS)


@pytest.fixture
def receiver(settings: Settings, clock: time_machine.Traveller) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with Receiver() as running:
        yield running


def make_webhooks(receiver: Receiver) -> None:
    for number in range(5):
        make_subscriber(f"{receiver.url}&n={number}", channel="webhook", owner=f"owner{number}@example.dk")
    announced()


def make_readers() -> None:
    for number in range(5):
        make_subscriber(f"reader{number}@example.dk")
    announced()


def assert_one_is_deferred(error: type[Exception]) -> None:
    assert states() == {"deferred": 1, "sent": 4}
    row = Delivery.objects.get(state="deferred")
    assert error.__name__ in row.reply
    assert row.next_attempt_at > timezone.now()
    assert not Delivery.objects.filter(holder__isnull=False).exists()
    assert not Holder.objects.exists()
    assert not Destination.objects.in_trouble().exists()


@errors
@pytest.mark.parametrize("name", ["guard.post", "deliver", "for_recipient"])
def test_post_that_raises_is_deferred_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, error: type[Exception], name: str
) -> None:
    make_webhooks(receiver)
    owner: Any = {"guard.post": guard, "deliver": webhook, "for_recipient": Payload}[name]
    function = name.rpartition(".")[2]
    real = getattr(owner, function)

    def fail_for_the_third(*args: Any, **options: Any) -> Any:
        about = args[1].address if name == "for_recipient" else args[0]
        if "n=2" in about:
            raise error("\x00 private")
        return real(*args, **options)

    monkeypatch.setattr(owner, function, fail_for_the_third)
    jobs.post()
    assert_one_is_deferred(error)
    assert len(receiver.posted) == 4
    attempts = Attempt.objects.filter(subscriber__address__contains="n=2")
    assert [attempt.said for attempt in attempts] == [f"Unexpected error: {error.__name__}"]


@errors
def test_email_that_raises_is_deferred_alone(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    make_readers()
    deliver = EmailChannel.deliver

    async def fail_for_the_third(self: EmailChannel, sender: str, address: str, content: bytes) -> Reply:
        if "reader2" in address:
            raise error
        return await deliver(self, sender, address, content)

    monkeypatch.setattr(EmailChannel, "deliver", fail_for_the_third)
    deliver_due()
    # A coroutine cannot raise StopIteration.
    assert_one_is_deferred(RuntimeError if error is StopIteration else error)


# A ValueError says that the message is invalid, which no further attempt changes.
@pytest.mark.parametrize("error", [error for error in ERRORS if not issubclass(error, ValueError)])
def test_email_that_cannot_be_built_for_any_reason_is_deferred_alone(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    make_readers()
    build = RenderedEmail.for_recipient

    def fail_for_the_third(self: RenderedEmail, row: Any) -> bytes:
        if "reader2" in row.address:
            raise error
        return build(self, row)

    monkeypatch.setattr(RenderedEmail, "for_recipient", fail_for_the_third)
    deliver_due()
    assert_one_is_deferred(error)


@errors
@pytest.mark.parametrize(("step", "state"), [("write", "queued"), ("read_reply", "uncertain")])
def test_transaction_that_raises_leaves_only_an_unread_reply_uncertain(
    server: ScriptedServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    step: str,
    state: str,
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    make_subscriber()
    announced()
    finish, real = SmtpConnection._finish, getattr(SmtpSocket, step)

    async def fail(*_args: Any) -> None:
        raise error

    async def fail_from_here_on(self: SmtpConnection, content: bytes) -> Reply:
        monkeypatch.setattr(SmtpSocket, step, fail)
        return await finish(self, content)

    monkeypatch.setattr(SmtpConnection, "_finish", fail_from_here_on)
    deliver_due()
    monkeypatch.setattr(SmtpSocket, step, real)
    assert states() == {state: 1}
    row = Delivery.objects.get()
    assert ("RuntimeError" if error is StopIteration else error.__name__) in row.reply
    assert row.holder is None
    assert not Holder.objects.exists()


@errors
def test_connection_that_cannot_be_opened_for_any_reason_makes_messages_wait(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    make_readers()

    def fail(_connection: SmtpConnection) -> None:
        raise error

    monkeypatch.setattr(SmtpConnection, "open", fail)
    deliver_due()
    assert set(states()) <= {"queued", "deferred"}
    assert not Delivery.objects.filter(holder__isnull=False).exists()
    assert not Holder.objects.exists()
