"""The stored counters of `/metrics`: they count what ended, and never decrease."""

import re
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due
from harness.smtp_server import DROP, ScriptedServer
from harness.waiting import PATIENCE
from incidents import counters, operations, scheduler
from incidents.metrics.definitions import BOUNCES, DELIVERIES, PUBLISH_DURATION
from incidents.metrics.exposition import render
from incidents.models import Announcement, Bounce, Delivery, DeliveryState, MetricCount, Subscriber
from incidents.notifications.bounces import recording
from incidents.notifications.bounces.report import BounceReport
from incidents.notifications.ledger.writer import transition
from incidents.subscriptions import erasure, service
from statuspage.metric_values import from_database
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

REPLIES = {("RCPT", "gone"): "550 5.1.1 unknown", ("RCPT", "full"): "452 4.2.2 full"}


def read() -> dict[str, int]:
    """Return all counters that are not 0."""
    text = render(from_database(timezone.now()))
    rows = re.findall(r"^statuspage_((?:deliveries|bounces)_total\S*) (\d+)$", text, re.MULTILINE)
    return {name: int(value) for name, value in rows if int(value)}


def ended(outcome: str, channel: str = "email") -> str:
    return f'deliveries_total{{outcome="{outcome}",channel="{channel}"}}'


def deliver_to_all_kinds(server: ScriptedServer) -> Announcement:
    """Two are sent, and one each fails, is deferred, and is skipped."""
    for name in ("a", "b", "gone", "full"):
        make_subscriber(f"{name}@example.dk")
    make_subscriber("paused@example.dk", paused_until=timezone.now() + timedelta(days=1))
    server.says = lambda stage, recipient: REPLIES.get((stage, recipient.partition("@")[0]))
    announcement = announced()
    deliver_due()
    return announcement


ALL_KINDS = {
    ended("sent"): 2,
    ended("failed"): 1,
    ended("skipped"): 1,
    ended("deferred"): 1,
}


@pytest.mark.django_db
def test_each_outcome_is_counted_once(server: ScriptedServer) -> None:
    deliver_to_all_kinds(server)
    assert read() == ALL_KINDS
    deliver_due()
    assert read() == ALL_KINDS


@pytest.mark.django_db
def test_attempt_with_an_unknown_result_is_counted(server: ScriptedServer) -> None:
    make_subscriber()
    server.says = lambda stage, _recipient: DROP if stage == "DOT" else None
    announced()
    deliver_due()
    assert read() == {ended("uncertain"): 1}


@pytest.mark.django_db
def test_delivery_that_is_retried_counts_each_time_it_ends(server: ScriptedServer) -> None:
    announcement = deliver_to_all_kinds(server)
    Subscriber.objects.update(state="active")
    operations.resend_failed(by=ANYBODY, announcement=announcement)
    assert read() == ALL_KINDS
    deliver_due()
    assert read() == {**ALL_KINDS, ended("failed"): 2}


@pytest.mark.django_db
def test_deliveries_that_are_stopped_are_counted(server: ScriptedServer) -> None:
    announcement = deliver_to_all_kinds(server)
    operations.stop_announcement(by=ANYBODY, announcement=announcement)
    assert read() == {**ALL_KINDS, ended("skipped"): 2}


@pytest.mark.django_db
def test_counters_do_not_decrease_when_deliveries_are_deleted(server: ScriptedServer, settings: Settings) -> None:
    announcement = deliver_to_all_kinds(server)
    recording.record(Delivery.objects.filter(state="sent")[0], BounceReport("failed", "5.2.2", "full"), timezone.now())
    expected = {**ALL_KINDS, 'bounces_total{consequence="counted"}': 1}
    assert read() == expected
    old = timezone.now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1)
    Announcement.objects.update(created_at=old)
    Bounce.objects.update(received_at=old)
    Delivery.objects.update(created_at=old)
    scheduler.forget_deliveries()
    assert announcement.deliveries.count() == 1  # it waits
    assert read() == expected
    for subscriber in Subscriber.objects.all():
        service.end_subscription(subscriber)
    Subscriber.objects.update(left_at=old)
    erasure.erase_departed(timezone.now())
    assert read() == {**expected, ended("skipped"): 2}


@pytest.mark.django_db
def test_large_counters_are_not_rounded() -> None:
    counters.add(DELIVERIES, {("sent", "email"): 12_345_678})
    counters.add(DELIVERIES, {("sent", "email"): 1})
    assert read() == {ended("sent"): 12_345_679}


@pytest.mark.django_db
def test_parts_are_combined_and_the_sum_stays() -> None:
    for number in range(5):
        counters.add(DELIVERIES, {("sent", "email"): number, ("failed", "email"): 1})
        counters.add(BOUNCES, {("counted",): 2})
    before = counters.totals(DELIVERIES), counters.totals(BOUNCES)
    counters.combine()
    counters.combine()
    assert (counters.totals(DELIVERIES), counters.totals(BOUNCES)) == before
    assert MetricCount.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_move_that_is_rolled_back_is_not_counted() -> None:
    make_subscriber()
    announced()

    def move() -> None:
        with transaction.atomic():
            assert transition(Delivery.objects.all(), DeliveryState.SKIPPED, skip_reason="paused") == 1
            assert read() == {ended("skipped"): 1}
            raise LookupError

    with pytest.raises(LookupError):
        move()
    assert read() == {}


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_counters_that_are_being_combined() -> None:
    counters.add(DELIVERIES, {("sent", "email"): 1})
    has_added = Event()

    def add_elsewhere() -> None:
        counters.add(DELIVERIES, {("sent", "email"): 1})
        has_added.set()
        connection.close()

    with transaction.atomic():
        counters.combine()
        other = Thread(target=add_elsewhere)
        other.start()
        assert has_added.wait(PATIENCE)
    other.join()
    assert counters.totals(DELIVERIES) == {("sent", "email"): 2}


@pytest.mark.django_db
def test_delivery_counts_to_its_channel() -> None:
    make_subscriber()
    make_subscriber("https://hooks.example.dk/x", channel="webhook", owner="anna@example.dk")
    announcement = announced()
    assert transition(announcement.deliveries.all(), DeliveryState.SKIPPED, skip_reason="paused") == 2
    assert read() == {ended("skipped"): 1, ended("skipped", "webhook"): 1}


@pytest.mark.django_db
def test_duration_is_in_its_bucket_and_in_the_sum() -> None:
    for seconds in (0.05, 0.1, 7, 10_000):
        counters.observe(PUBLISH_DURATION, timedelta(seconds=seconds))
    found = counters.distribution(PUBLISH_DURATION)
    assert found.counts == [2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert found.total == 10_007.15


@pytest.mark.django_db
def test_counts_of_an_earlier_version_are_left_out() -> None:
    MetricCount.objects.create(subject=DELIVERIES.name, outcome="sent", number=3)
    assert read() == {}


@pytest.mark.django_db
def test_few_parts_are_left_as_they_are() -> None:
    for _time in range(2):
        counters.count(BOUNCES, "counted")
    scheduler.combine_counters()
    assert MetricCount.objects.count() == 2
    counters.combine(at_least=2)
    assert MetricCount.objects.count() == 1
