"""The counters of `/metrics`: they count what ended, and never decrease."""

import re
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due
from harness.smtp_server import DROP, ScriptedServer
from harness.waiting import PATIENCE
from incidents import operations, scheduler
from incidents.models import Announcement, Bounce, Delivery, DeliveryState, MetricCount, Subscriber
from incidents.notifications.bounces import recording
from incidents.notifications.bounces.report import BounceReport
from incidents.notifications.ledger import counters
from incidents.notifications.ledger.counters import Subject
from incidents.notifications.ledger.writer import transition
from incidents.subscriptions import erasure, service
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

REPLIES = {("RCPT", "gone"): "550 5.1.1 unknown", ("RCPT", "full"): "452 4.2.2 full"}


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-long-token"


def read() -> dict[str, int]:
    """Return all counters that are not 0."""
    answer = Client().get("/metrics", headers={"Authorization": "Bearer a-long-token"})
    rows = re.findall(r"^statuspage_(\w+_total\S*) (\d+)$", answer.content.decode(), re.MULTILINE)
    return {name: int(value) for name, value in rows if int(value)}


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
    'deliveries_ended_total{state="sent"}': 2,
    'deliveries_ended_total{state="failed"}': 1,
    'deliveries_ended_total{state="skipped"}': 1,
    "deferrals_total": 1,
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
    assert read() == {"uncertain_total": 1}


@pytest.mark.django_db
def test_delivery_that_is_retried_counts_each_time_it_ends(server: ScriptedServer) -> None:
    announcement = deliver_to_all_kinds(server)
    Subscriber.objects.update(state="active")
    operations.resend_failed(by=ANYBODY, announcement=announcement)
    assert read() == ALL_KINDS
    deliver_due()
    assert read() == {**ALL_KINDS, 'deliveries_ended_total{state="failed"}': 2}


@pytest.mark.django_db
def test_deliveries_that_are_stopped_are_counted(server: ScriptedServer) -> None:
    announcement = deliver_to_all_kinds(server)
    operations.stop_announcement(by=ANYBODY, announcement=announcement)
    assert read() == {**ALL_KINDS, 'deliveries_ended_total{state="skipped"}': 2}


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
    assert read() == {**expected, 'deliveries_ended_total{state="skipped"}': 2}


@pytest.mark.django_db
def test_large_counters_are_not_rounded() -> None:
    counters.add(Subject.DELIVERY, {DeliveryState.SENT: 12_345_678})
    counters.add(Subject.DELIVERY, {DeliveryState.SENT: 1})
    assert read() == {'deliveries_ended_total{state="sent"}': 12_345_679}


@pytest.mark.django_db
def test_parts_are_combined_and_the_sum_stays() -> None:
    for number in range(5):
        counters.add(Subject.DELIVERY, {"sent": number, "failed": 1})
        counters.add(Subject.BOUNCE, {"counted": 2})
    before = counters.totals(Subject.DELIVERY), counters.totals(Subject.BOUNCE)
    counters.combine()
    counters.combine()
    assert (counters.totals(Subject.DELIVERY), counters.totals(Subject.BOUNCE)) == before
    assert MetricCount.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_move_that_is_rolled_back_is_not_counted() -> None:
    make_subscriber()
    announced()

    def move() -> None:
        with transaction.atomic():
            assert transition(Delivery.objects.all(), DeliveryState.SKIPPED, skip_reason="paused") == 1
            assert read() == {'deliveries_ended_total{state="skipped"}': 1}
            raise LookupError

    with pytest.raises(LookupError):
        move()
    assert read() == {}


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_counters_that_are_being_combined() -> None:
    counters.add(Subject.DELIVERY, {"sent": 1})
    has_added = Event()

    def add_elsewhere() -> None:
        counters.add(Subject.DELIVERY, {"sent": 1})
        has_added.set()
        connection.close()

    with transaction.atomic():
        counters.combine()
        other = Thread(target=add_elsewhere)
        other.start()
        assert has_added.wait(PATIENCE)
    other.join()
    assert counters.totals(Subject.DELIVERY) == {"sent": 2}
