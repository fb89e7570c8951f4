"""Emails to a bounce address that are not understood: kept for staff, with addresses masked, and not for ever."""

from datetime import timedelta
from io import BytesIO, TextIOWrapper

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from incidents import links, scheduler
from incidents.models import Bounce, Delivery, Subscriber
from incidents.notifications.bounces.mail import MAX_EMAIL_BYTES
from incidents.notifications.bounces.recording import MAX_UNKNOWN
from incidents.subscriptions import erasure, own_data, returned_mail, service
from tests.factories import make_subscriber
from tests.notifications.bounces.helpers import sample
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db


@pytest.fixture
def address() -> str:
    make_subscriber("karl@example.dk", confirmed_at=timezone.now() - timedelta(days=200))
    announced()
    return f"bounces+{links.sign_bounce(Delivery.objects.get().pk)}@status.example.com"


def received(raw: bytes, address: str) -> Bounce:
    bounce = returned_mail.receive_bounce(raw=raw, address=address)
    assert bounce is not None
    assert bounce.consequence == "unknown"
    return bounce


def test_beginning_is_kept_with_addresses_masked(address: str) -> None:
    bounce = received(sample("person", address), address)
    assert bounce.subject == "SV: k… er stoppet hos os"
    assert bounce.sender_domain == "example.dk"
    assert bounce.excerpt.splitlines() == [
        "Hej",
        "k… Hansen (k…@example.dk) er ikke ansat længere.",
        "Skriv til d…@example.dk i stedet.",
    ]


def test_size_is_limited_and_control_characters_are_removed(address: str) -> None:
    text = b"".join(b"line\x00 \x1b[31m %d \xff " % number + b"x" * 300 + b"\n" for number in range(500))
    bounce = received(b"From: a@b.example\nSubject: " + b"s" * 5000 + b"\x00\n\n" + text, address)
    assert len(bounce.subject) == 200
    assert len(bounce.excerpt) <= 1000
    assert all(char.isprintable() or char == "\n" for char in bounce.excerpt + bounce.subject)


def test_flood_of_emails_fills_no_table(address: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(MAX_UNKNOWN):
        received(sample("person", address), address)
    assert returned_mail.receive_bounce(raw=sample("person", address)) is None
    assert Bounce.objects.count() == MAX_UNKNOWN
    assert "dropped one" in caplog.text


def test_erasure_and_retention_delete_what_was_kept(address: str, settings: Settings) -> None:
    bounce = received(sample("person", address), address)
    (exported,) = own_data.export(Subscriber.objects.get())["bounces"]
    assert exported["excerpt"] == bounce.excerpt
    assert service.end_subscription(Subscriber.objects.get())
    Subscriber.objects.update(left_at=timezone.now() - timedelta(days=400))
    erasure.erase_departed(timezone.now())
    bounce.refresh_from_db()
    assert (bounce.subject, bounce.sender_domain, bounce.excerpt) == ("", "", "")
    assert received(sample("person", address), address).excerpt == ""
    Bounce.objects.update(received_at=timezone.now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1))
    scheduler.forget_deliveries()
    assert not Bounce.objects.exists()


def test_complaint_of_somebody_who_has_left_already_has_no_consequence(address: str) -> None:
    assert service.end_subscription(Subscriber.objects.get())
    assert returned_mail.receive_bounce(raw=sample("feedback-report", address)) is None


class Endless(BytesIO):
    """Standard input that never ends."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        self.given += size
        return b"x" * size


def test_endless_email_is_read_in_part(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Endless()
    monkeypatch.setattr("sys.stdin", TextIOWrapper(endless))
    call_command("receive_bounce", address)
    assert Bounce.objects.get().consequence == "unknown"
    assert endless.given < 100 * MAX_EMAIL_BYTES


def test_huge_report_is_understood_by_its_beginning(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sample("postfix", address) + b"x" * 5 * MAX_EMAIL_BYTES
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw)))
    call_command("receive_bounce")
    assert Bounce.objects.get().consequence == "suspended"
