"""Outcomes and failures that a worker records while a subscriber is erased, or afterwards, leave nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from harness.waiting import wait_for
from incidents import scheduler
from incidents.models import Attempt, Delivery, DeliveryState, Destination, Subscriber
from incidents.notifications import jobs
from incidents.notifications.addressing import relay_name
from incidents.notifications.channels import webhook as channel
from incidents.notifications.channels.base import Busy, Reply, Scope
from incidents.notifications.ledger import claims, destinations
from incidents.notifications.ledger.writer import ClaimedDelivery, Ledger, Outcome
from incidents.subscriptions import service
from tests.factories import make_subscriber
from tests.notifications.helpers import announced
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db(transaction=True)

REPLY = Reply(451, "4.7.1 <z…@solo.dk> is greylisted by mx.solo.dk")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """One further thread, with a database connection of its own."""
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(connections.close_all).result()


@pytest.fixture
def zed() -> Subscriber:
    return make_subscriber("zed@solo.dk")


@pytest.fixture
def in_flight(zed: Subscriber) -> ClaimedDelivery:
    ledger = Ledger()
    ledger.begin()
    [row] = claims.claim(ledger.holder, announced().pk, 1, timezone.now())
    assert ledger.write([], [row]) == {row.id}
    return row


def write_outcome(row: ClaimedDelivery) -> None:
    outcome = Outcome(row, DeliveryState.DEFERRED, REPLY.code, REPLY.text, timezone.now() + timedelta(hours=1))
    ledger = Ledger()
    ledger.holder = Delivery.objects.get(pk=row.id).holder or 0
    ledger.write([outcome], [])


def record_failure(row: ClaimedDelivery, name: str = "solo.dk") -> None:
    destinations.record_failure(name, REPLY, timezone.now(), attempted=row, by_probe=False)


def test_outcome_that_waits_for_an_erasure_keeps_no_reply(
    zed: Subscriber, in_flight: ClaimedDelivery, pool: ThreadPoolExecutor
) -> None:
    with transaction.atomic():
        service.erase(subscriber=zed)
        written = pool.submit(write_outcome, in_flight)
        wait_for(is_connection_blocked)
    written.result()
    row = Delivery.objects.get()
    assert row.state in {"deferred", "skipped"}  # either is first to get the row's lock
    assert (row.reply, row.destination, row.language) == ("", "", "")


def test_erasure_that_waits_for_an_outcome_deletes_its_reply(
    zed: Subscriber, in_flight: ClaimedDelivery, pool: ThreadPoolExecutor
) -> None:
    with transaction.atomic():
        write_outcome(in_flight)
        erased = pool.submit(lambda: service.erase(subscriber=zed))
        wait_for(is_connection_blocked)
    erased.result()
    row = Delivery.objects.get()
    assert (row.state, row.reply, row.destination, row.language) == ("skipped", "", "", "")


def test_failure_after_an_erasure_is_recorded_for_the_relay_only(zed: Subscriber, in_flight: ClaimedDelivery) -> None:
    service.erase(subscriber=zed)
    record_failure(in_flight)
    record_failure(in_flight, relay_name())
    assert [(one.name, one.reply) for one in Destination.objects.all()] == [
        (relay_name(), "4.7.1 <…> is greylisted by …")
    ]


def test_deliveries_of_an_announcement_expanded_during_an_erasure_are_erased_later(
    zed: Subscriber, pool: ThreadPoolExecutor
) -> None:
    with transaction.atomic():
        announced()
        pool.submit(lambda: service.erase(subscriber=zed)).result()
    assert Delivery.objects.get().destination == "solo.dk"
    scheduler.erase_late_deliveries()
    row = Delivery.objects.get()
    assert (row.state, row.reply, row.destination, row.language) == ("skipped", "", "", "")


def test_failure_that_waits_for_an_erasure_recreates_no_destination(
    zed: Subscriber, in_flight: ClaimedDelivery, pool: ThreadPoolExecutor
) -> None:
    with transaction.atomic():
        service.erase(subscriber=zed)
        recorded = pool.submit(record_failure, in_flight)
        wait_for(is_connection_blocked)
    recorded.result()
    assert not Destination.objects.exists()


def test_erasure_that_waits_for_a_failure_deletes_the_destination(
    zed: Subscriber, in_flight: ClaimedDelivery, pool: ThreadPoolExecutor
) -> None:
    with transaction.atomic():
        record_failure(in_flight)
        erased = pool.submit(lambda: service.erase(subscriber=zed))
        wait_for(is_connection_blocked)
    erased.result()
    assert not Destination.objects.exists()


def test_probe_of_an_erased_subscriber_counts_for_the_other_readers_of_the_domain(
    zed: Subscriber, in_flight: ClaimedDelivery
) -> None:
    make_subscriber("eva@solo.dk")
    Destination.objects.create(name="solo.dk", failing_since=timezone.now(), retry_at=timezone.now(), failures=1)
    service.erase(subscriber=zed)
    destinations.record_failure("solo.dk", REPLY, timezone.now(), attempted=in_flight, by_probe=True)
    found = Destination.objects.get()
    assert (found.failures, found.reply) == (2, "4.7.1 <…> is greylisted by …")


def test_attempt_to_post_is_not_recorded_after_an_erasure() -> None:
    webhook = make_subscriber("https://hooks.solo.dk/status", channel="webhook", owner="zed@solo.dk")
    announced()

    def erase_and_answer(*_args: object, **_options: object) -> Reply:
        with ThreadPoolExecutor(1) as threads:
            threads.submit(service.erase, subscriber=webhook).result()
            threads.submit(connections.close_all).result()
        raise Busy(REPLY, Scope.DESTINATION)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel, "deliver", erase_and_answer)
        jobs.post()
    assert not Attempt.objects.exists()
    assert not Destination.objects.exists()
    assert Delivery.objects.get().reply == ""
