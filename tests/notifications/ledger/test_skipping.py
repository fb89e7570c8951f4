"""Verbs that skip deliveries while a worker claims them, starts them, or has them in flight."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from harness.deliveries import deliver_due
from harness.smtp_server import ScriptedServer
from harness.waiting import wait_for
from incidents import operations
from incidents.models import Announcement, Delivery, IncidentChoice, Subscriber
from incidents.notifications.ledger import claims
from incidents.notifications.ledger.writer import Ledger
from incidents.subscriptions import lifecycle
from tests.actors import ANYBODY
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import announced, new_holder, states
from tests.support.database import is_connection_blocked

Verb = Callable[[Announcement, Subscriber], object]


def withdraw(announcement: Announcement, _reader: Subscriber) -> None:
    operations.withdraw(by=ANYBODY, incident=announcement.update.incident)


@transaction.atomic
def unsubscribe(_announcement: Announcement, reader: Subscriber) -> None:
    lifecycle.end_subscription(reader)


def announce_again(announcement: Announcement, _reader: Subscriber) -> None:
    announced(announcement.update.incident)


VERBS = {"withdrawn": withdraw, "unsubscribed": unsubscribe, "superseded": announce_again}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reason", VERBS)
def test_delivery_that_is_being_claimed_is_skipped_once_the_claim_is_over(reason: str) -> None:
    make_page()
    reader = make_subscriber("reader@example.dk")
    announcement = announced()

    def skip() -> None:
        VERBS[reason](announcement, reader)
        connections.close_all()

    holder = new_holder()
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            assert len(claims.claim(holder, announcement.pk, 10, timezone.now())) == 1
            skipping = other.submit(skip)
            wait_for(lambda: is_connection_blocked() or skipping.done())
        skipping.result()
    first = Delivery.objects.get(announcement=announcement)
    assert (first.state, first.skip_reason, first.holder) == ("skipped", reason, None)


@pytest.mark.django_db(transaction=True)
def test_delivery_that_is_being_started_is_not_skipped() -> None:
    make_page()
    make_subscriber("reader@example.dk")
    announcement = announced()
    ledger = Ledger()
    ledger.begin()
    rows = claims.claim(ledger.holder, announcement.pk, 10, timezone.now())

    def skip() -> None:
        operations.withdraw(by=ANYBODY, incident=announcement.update.incident)
        connections.close_all()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            assert ledger.write([], rows) == {row.id for row in rows}
            skipping = other.submit(skip)
            wait_for(lambda: is_connection_blocked() or skipping.done())
        skipping.result()
    assert states() == {"sending": 1}
    ledger.end()


def unfollow(reader: Subscriber, announcement: Announcement) -> None:
    now = timezone.now()
    incident = announcement.update.incident
    IncidentChoice.objects.create(subscriber=reader, incident=incident, told=False, requested_at=now, confirmed_at=now)


def pause(reader: Subscriber, _announcement: Announcement) -> None:
    Subscriber.objects.filter(pk=reader.pk).update(paused_until=timezone.now() + timedelta(days=9))


@pytest.mark.django_db
@pytest.mark.parametrize(("verb", "reason"), [(unfollow, "unfollowed"), (pause, "paused")])
def test_delivery_that_was_in_flight_is_skipped_when_it_waits_again(
    server: ScriptedServer, verb: Callable[[Subscriber, Announcement], None], reason: str
) -> None:
    reader = make_subscriber("reader@example.dk")
    announcement = announced()
    server.says = lambda stage, _recipient: "452 4.2.2 Mailbox full" if stage == "RCPT" else None
    deliver_due()
    assert states() == {"deferred": 1}
    verb(reader, announcement)
    Delivery.objects.update(next_attempt_at=timezone.now())
    deliver_due()
    assert states() == {"skipped": 1}
    assert Delivery.objects.get().skip_reason == reason
    assert server.received == []
