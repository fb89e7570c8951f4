"""Progress of announcements, and health of the scheduler, the queue and its workers."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from rq import Queue

from incidents import scheduler
from incidents.admin.alarms import alarms
from incidents.models import Announcement, Bounce, Delivery, DeliveryState, Destination, FoldedDeliveries
from incidents.notifications import queues
from incidents.notifications.monitoring import health, overview, progress
from incidents.notifications.sender.rq_worker import HeartbeatWorker
from tests.factories import make_subscriber
from tests.notifications.helpers import START, announced, claimed

pytestmark = pytest.mark.django_db


def announced_with(*states: str, **fields: object) -> Announcement:
    """Return an announcement with one delivery in each of the states."""
    for _ in range(len(states) - Delivery.objects.values("subscriber").distinct().count()):
        make_subscriber()
    announcement = announced()
    for pk, state in zip(announcement.deliveries.values_list("pk", flat=True), states, strict=False):
        extra = {"sending": claimed(), "sent": {"sent_at": timezone.now()}}.get(state, {})
        skipped = {"skip_reason": "other_kind"} if state == "skipped" else {}
        Delivery.objects.filter(pk=pk).update(state=state, **extra, **skipped, **fields)
    return announcement


def test_deliveries_are_counted_by_state() -> None:
    announcement = announced_with("sent", "sent", "queued", "sending", "deferred", "uncertain", "failed", "skipped")
    FoldedDeliveries.objects.create(announcement=announcement, state="sent", number=40)
    Bounce.objects.create(announcement=announcement, subscriber=make_subscriber(), consequence="policy")
    (found,) = progress.progress_of([announcement], timezone.now())
    assert (found.audience, found.sent, found.waiting) == (47, 42, 4)
    assert found.counts["failed"] == found.skipped["other_kind"] == found.bounced == 1
    assert (found.per_minute, found.status) == (2, "sending")


def test_waiting_deliveries_are_grouped_by_destination_with_a_masked_reply() -> None:
    for name in ("karl", "kira", "kaj"):
        make_subscriber(f"{name}@example.dk")
    make_subscriber("otto@full.example")
    announcement = announced()
    now = timezone.now()
    soon = now + timedelta(minutes=5)
    announcement.deliveries.filter(destination="example.dk").update(state="deferred", next_attempt_at=soon)
    announcement.deliveries.filter(destination="full.example").update(
        state="deferred", next_attempt_at=soon, reply_code=452, reply="4.2.2 <otto@full.example>: otto is full"
    )
    Destination.objects.create(
        name="example.dk", failing_since=now, retry_at=soon, reply_code=451, reply="4.7.500 Server busy"
    )
    (found,) = progress.progress_of([announcement], now)
    first, second = found.deferred
    assert (first.destination, first.number, first.reply) == ("example.dk", 3, "451 4.7.500 Server busy")
    assert first.next_try == soon
    assert second.reply == "452 4.2.2 <o…@full.example>: o… is full"


def test_all_that_waits_for_another_attempt_is_grouped_with_the_newest_reply() -> None:
    for number in range(6):
        make_subscriber(f"reader{number}@example.dk")
    first, other = announced(), announced()
    now = timezone.now()
    soon, later = now + timedelta(minutes=5), now + timedelta(minutes=9)
    changes: list[dict[str, object]] = [
        {"state": "deferred", "next_attempt_at": later, "reply": "4.1.0 First"},
        {"state": "uncertain", "next_attempt_at": soon},
        {"state": "deferred", "next_attempt_at": now - timedelta(minutes=1), "reply": "4.2.0 Second"},
        {"state": "queued", "next_attempt_at": later, "reply": "4.3.0 Third"},
        {"state": "queued", "next_attempt_at": now, "reply": "4.4.0 Due"},
        {"state": "failed", "next_attempt_at": later, "reply": "5.1.1 Unknown"},
    ]
    for announcement in (first, other):
        for pk, fields in zip(
            announcement.deliveries.order_by("pk").values_list("pk", flat=True), changes, strict=True
        ):
            Delivery.objects.filter(pk=pk).update(**fields)
    other.deliveries.filter(reply__startswith="4.3").update(next_attempt_at=now)
    mine, others = (one.deferred for one in progress.progress_of([first, other], now))
    assert [(group.number, group.next_try, group.reply) for group in mine] == [
        (4, now - timedelta(minutes=1), "4.3.0 Third")
    ]
    assert [(group.number, group.reply) for group in others] == [(3, "4.2.0 Second")]
    assert mine[0].since == first.deliveries.earliest("created_at").created_at


def test_number_of_queries_does_not_depend_on_the_announcements() -> None:
    announced_with("sent", "deferred", "failed", reply="4.2.2 Full")
    with CaptureQueriesContext(connection) as few:
        overview.overview(timezone.now())
    for _ in range(3):
        announced_with("sent", "deferred", "failed", reply="4.2.2 Full")
    with CaptureQueriesContext(connection) as many:
        found = overview.overview(timezone.now())
    assert len(found.in_progress) == 4
    assert len(many) == len(few)


def test_finished_announcement_is_not_in_progress() -> None:
    announced_with("sent")
    assert progress.in_progress() == []
    Delivery.objects.update(state="sending", **claimed())
    assert len(progress.in_progress()) == 1


@pytest.mark.parametrize("state", DeliveryState)
def test_announcements_with_deliveries_in_progress_are_found(state: str) -> None:
    announcements = [announced_with(state), announced_with("sent"), announced_with(state)]
    unfinished = [] if state in {"sent", "failed", "skipped"} else [announcements[0], announcements[2]]
    assert sorted(progress.in_progress(), key=lambda one: one.pk) == unfinished


def test_time_left_leaves_out_what_waits_for_a_failing_destination() -> None:
    announcement = announced_with("sent", "sent", "queued", "queued")
    queued = announcement.deliveries.filter(state="queued")
    assert progress.progress_of([announcement], timezone.now())[0].time_left == timedelta(minutes=1)
    queued.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert progress.progress_of([announcement], timezone.now())[0].time_left is None


def test_rejections_by_policy_are_counted_for_a_day() -> None:
    announced_with("failed", reply_code=550, reply="5.7.1 Blocked")
    assert overview.rejected_by_policy(timezone.now()) == 1
    assert [row.reply for row in overview.newest_failures(timezone.now())] == ["5.7.1 Blocked"]
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(days=2))
    assert overview.rejected_by_policy(timezone.now()) == 0


def test_scheduler_without_a_recent_heartbeat_is_down() -> None:
    with time_machine.travel(START, tick=False) as now:
        assert health.check_health(timezone.now()).scheduler_is_down
        scheduler.record_heartbeat()
        assert not health.check_health(timezone.now()).scheduler_is_down
        now.shift(timedelta(minutes=1))
        assert health.check_health(timezone.now()).scheduler_is_down


def test_worker_without_a_heartbeat_for_a_minute_is_down(settings: Settings) -> None:
    redis = Redis.from_url(str(settings.RQ_QUEUES["delivery"]["URL"]))
    worker = HeartbeatWorker([Queue("delivery", connection=redis)], connection=redis, worker_ttl=420)
    assert worker.dequeue_timeout <= 15
    assert worker.job_monitoring_interval <= 15
    worker.register_birth()  # type: ignore[no-untyped-call]
    try:
        found = health.check_health(timezone.now())
        assert not found.no_mail_worker
        assert health.check_health(timezone.now() + timedelta(minutes=1)).no_mail_worker
    finally:
        worker.register_death()  # type: ignore[no-untyped-call]
    assert health.check_health(timezone.now()).no_mail_worker


@pytest.mark.parametrize(
    ("listens_to", "no_mail", "no_messages"),
    [
        (["delivery", "messages", "requests"], False, False),
        (["delivery", "requests"], False, True),  # the command of a former version
        (["posts"], True, False),
    ],
)
def test_queue_that_no_worker_takes_is_noticed(listens_to: list[str], no_mail: bool, no_messages: bool) -> None:
    redis = queues.queue("delivery").connection
    worker = HeartbeatWorker([Queue(name, connection=redis) for name in listens_to], connection=redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    try:
        found = health.check_health(timezone.now())
        assert (found.no_mail_worker, found.no_message_worker) == (no_mail, no_messages)
        assert any("rqworker delivery messages requests" in alarm.sentence for alarm in alarms()) == no_messages
    finally:
        worker.register_death()  # type: ignore[no-untyped-call]


def test_queue_that_is_down_is_a_result_and_not_an_error(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.RQ_QUEUES = {name: {"URL": "redis://127.0.0.1:1/0"} for name in settings.RQ_QUEUES}
    monkeypatch.setattr(queues, "queue", queues.queue.__wrapped__)
    found = health.check_health(timezone.now())
    assert not found.queue_answers
    assert not found.no_mail_worker
