"""Bounces: which reports are accepted and which suspend a subscriber. And retention."""

from datetime import timedelta
from io import BytesIO, TextIOWrapper

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import Settings

from incidents import links, scheduler
from incidents.models import Announcement, Bounce, Delivery, FoldedDeliveries, Subscriber
from incidents.notifications.bounces import recording
from incidents.notifications.bounces.report import BounceReport
from incidents.notifications.monitoring import progress
from incidents.subscriptions import returned_mail
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

REPORT = """Return-Path: <>
From: MAILER-DAEMON@mx.example.dk
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

It did not arrive.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.dk

Final-Recipient: rfc822; karl@example.dk
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--x--
"""


@pytest.fixture
def delivery() -> Delivery:
    make_subscriber("karl@example.dk", confirmed_at=timezone.now() - timedelta(days=200))
    announced()
    return Delivery.objects.get()


def address_of(delivery: Delivery) -> str:
    return f"bounces+{links.sign_bounce(delivery.pk)}@status.example.dk"


def report(delivery: Delivery, status: str, said: str = "", action: str = "failed", to: str = "") -> bytes:
    return REPORT.format(to=to or address_of(delivery), action=action, status=status, said=said).encode()


def state_of(delivery: Delivery) -> str:
    return Subscriber.objects.get(pk=delivery.subscriber_id).state


@pytest.mark.parametrize(
    ("status", "said", "action", "consequence", "state"),
    [
        ("5.1.1", "550 5.1.1 <karl@example.dk> unknown", "failed", "suspended", "suspended"),
        ("5.0.0", "550 5.1.1 unknown", "Failed (for good)", "suspended", "suspended"),
        ("4.7.500", "451 4.7.500 Server busy", "failed", "passing", "active"),
        ("5.0.0", "451 4.7.500 Server busy", "failed", "passing", "active"),
        ("5.7.1", "550 5.7.1 Blocked", "failed", "policy", "active"),
        ("5.2.2", "552 5.2.2 Full", "failed", "counted", "active"),
        ("4.4.1", "451 later", "delayed", "delayed", "active"),
        ("5.1.1", "550 5.1.1 unknown", "delayed", "delayed", "active"),
    ],
)
def test_consequence_of_a_report(
    delivery: Delivery, status: str, said: str, action: str, consequence: str, state: str
) -> None:
    bounce = returned_mail.receive_bounce(raw=report(delivery, status, said, action))
    assert bounce is not None
    assert bounce.consequence == consequence
    assert state_of(delivery) == state
    (found,) = progress.progress_of([announcement_of(delivery)], timezone.now())
    assert found.bounced == (consequence != "delayed")


def announcement_of(delivery: Delivery) -> Announcement:
    return Announcement.objects.get(deliveries=delivery)


def test_only_bounces_on_five_different_days_suspend(delivery: Delivery) -> None:
    now = timezone.now()
    for days in (8, 6, 6, 4, 2):
        recording.record(delivery, BounceReport("failed", "5.2.2", "Full"), now - timedelta(days=days))
    assert state_of(delivery) == "active"
    last = recording.record(delivery, BounceReport("failed", "5.2.2", "Full"), now)
    assert last.consequence == "given_up"
    assert state_of(delivery) == "suspended"


def test_bounce_of_a_message_from_before_the_confirmation_does_not_suspend(delivery: Delivery) -> None:
    Subscriber.objects.update(confirmed_at=timezone.now() + timedelta(minutes=1))
    returned_mail.receive_bounce(raw=report(delivery, "5.1.1"))
    assert state_of(delivery) == "active"


def test_unknown_address_is_suspended_if_the_time_of_its_imported_consent_is_unknown(delivery: Delivery) -> None:
    Subscriber.objects.update(consent_method="import", requested_at=None, confirmed_at=None)
    returned_mail.receive_bounce(raw=report(delivery, "5.1.1"))
    assert state_of(delivery) == "suspended"


def test_bounces_on_five_days_suspend_if_the_time_of_an_imported_consent_is_unknown(delivery: Delivery) -> None:
    Subscriber.objects.update(consent_method="import", requested_at=None, confirmed_at=None)
    now = timezone.now()
    for days in (8, 6, 6, 4, 2):
        assert state_of(delivery) == "active"
        recording.record(delivery, BounceReport("failed", "5.2.2", "Full"), now - timedelta(days=days))
    last = recording.record(delivery, BounceReport("failed", "5.2.2", "Full"), now)
    assert last.consequence == "given_up"


def test_forged_report_is_rejected(delivery: Delivery) -> None:
    forged = address_of(delivery).replace("@", "a@")
    for to in (forged, "bounces@status.example.dk", f"bounces+{delivery.pk}-@x.dk", "karl@example.dk"):
        with pytest.raises(returned_mail.UnknownBounceAddress):
            returned_mail.receive_bounce(raw=report(delivery, "5.1.1", to=to))
    assert not Bounce.objects.exists()


def test_mail_that_is_not_a_report_has_no_consequence(delivery: Delivery) -> None:
    to = address_of(delivery)
    away = f"From: karl@example.dk\nTo: {to}\nAuto-Submitted: auto-replied\nSubject: Away\n\nI am away.".encode()
    from_a_person = report(delivery, "5.1.1").replace(b"Return-Path: <>", b"Return-Path: <mallory@example.dk>")
    delivered = report(delivery, "2.0.0", action="delivered")
    for raw in (away, delivered):
        assert returned_mail.receive_bounce(raw=raw, address=to) is None
    for raw in (from_a_person, b"", b"\xff\x00\n\n\x00"):
        bounce = returned_mail.receive_bounce(raw=raw, address=to)
        assert bounce is not None
        assert bounce.consequence == "unknown"
    assert state_of(delivery) == "active"
    Delivery.objects.all().delete()
    assert returned_mail.receive_bounce(raw=report(delivery, "5.1.1")) is None


def piped(monkeypatch: pytest.MonkeyPatch, raw: bytes, *args: str) -> int:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw)))
    try:
        call_command("receive_bounce", *args)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_exit_codes_of_the_command(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = report(delivery, "5.2.2", to="somebody@example.dk")
    assert piped(monkeypatch, raw) == 67
    assert piped(monkeypatch, raw, address_of(delivery)) == 0
    monkeypatch.setenv("ORIGINAL_RECIPIENT", address_of(delivery).upper())
    assert piped(monkeypatch, raw) == 0
    assert Bounce.objects.count() == 2

    def away(**_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("incidents.management.commands.receive_bounce.receive_bounce", away)
    assert piped(monkeypatch, raw) == 75


def test_old_deliveries_become_counts_and_the_panel_stays_the_same(settings: Settings) -> None:
    for _ in range(4):
        make_subscriber()
    old, fresh = announced(), announced()
    ended = list(old.deliveries.values_list("pk", flat=True))
    now = timezone.now()
    Delivery.objects.filter(pk__in=ended[:2]).update(state="sent", sent_at=now)
    Delivery.objects.filter(pk=ended[2]).update(state="skipped", skip_reason="paused")
    Bounce.objects.create(
        subscriber=Subscriber.objects.all()[0], consequence="counted", received_at=now - timedelta(91)
    )
    old.created_at = now - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1)
    old.save()
    (before,) = progress.progress_of([old], now)
    scheduler.forget_deliveries()
    (after,) = progress.progress_of([old], now)
    assert (after.counts, after.skipped) == (before.counts, before.skipped)
    assert [row.state for row in old.deliveries.all()] == ["queued"]
    assert fresh.deliveries.count() == 4
    assert not Bounce.objects.exists()
    Delivery.objects.filter(announcement=old).update(state="sent", sent_at=now)
    call_command("retention", stdout=TextIOWrapper(BytesIO()))
    assert FoldedDeliveries.objects.get(announcement=old, state="sent").number == 3
