"""Verbs that run while workers send: the ledger agrees with the mail server, and nothing waits for ever.

With 3,000 recipients and worker processes, 20 times: `python -m benchmarks withdraw`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due, release_held
from harness.smtp_server import ScriptedServer
from harness.waiting import wait_for
from incidents import links, operations
from incidents.links import Purpose
from incidents.models import Announcement, Delivery, Subscriber
from incidents.notifications import jobs
from incidents.subscriptions import following, service
from incidents.subscriptions.lifecycle import Choices
from tests.actors import ANYBODY
from tests.factories import make_incident, make_page, make_statement
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db(transaction=True)

READERS = 270
WORKERS = 2

Verb = Callable[[Announcement], object]


@pytest.fixture(autouse=True)
def _readers(server: ScriptedServer, settings: Settings) -> None:
    make_page()
    now = timezone.now()
    Subscriber.objects.bulk_create(
        Subscriber.new(f"reader{number}@host{number % 7}.example", language="en", state="active", confirmed_at=now)
        for number in range(READERS)
    )


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WORKERS) as threads:
        yield threads


def deliver(announcement: Announcement) -> None:
    jobs.deliver(announcement.pk, 50)
    connections.close_all()


def withdraw(announcement: Announcement) -> None:
    operations.withdraw(by=ANYBODY, incident=announcement.update.incident)


def stop(announcement: Announcement) -> None:
    operations.stop_announcement(by=ANYBODY, announcement=announcement)


def pause_and_resume(announcement: Announcement) -> None:
    for _ in range(5):
        operations.pause_announcement(by=ANYBODY, announcement=announcement)
        operations.resume_announcement(by=ANYBODY, announcement=announcement)


def announce_again(announcement: Announcement) -> None:
    announced(announcement.update.incident)


def unsubscribe(_announcement: Announcement) -> None:
    for subscriber in Subscriber.objects.order_by("pk")[::10]:
        service.end_subscription(subscriber)


def unfollow(announcement: Announcement) -> None:
    incident = announcement.update.incident_id
    for subscriber in Subscriber.objects.order_by("pk")[::10]:
        following.unfollow(token=links.sign(Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{incident}"))


def pause_subscribers(_announcement: Announcement) -> None:
    until = timezone.now() + timedelta(days=9)
    for subscriber in Subscriber.objects.order_by("pk")[::10]:
        service.change_choices(subscriber=subscriber, choices=Choices.of(subscriber), paused_until=until)


VERBS: list[Verb] = [withdraw, stop, pause_and_resume, announce_again, unsubscribe, unfollow, pause_subscribers]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_ledger_agrees_with_the_mail_server(
    server: ScriptedServer, threads: ThreadPoolExecutor, verb: Verb, caplog: pytest.LogCaptureFixture
) -> None:
    announcement = announced()
    workers = [threads.submit(deliver, announcement) for _ in range(WORKERS)]
    wait_for(lambda: len(server.received) >= READERS // 6)
    verb(announcement)
    for worker in workers:
        worker.result()
    deliver_due()
    accepted = Counter(message_id(message.content) for message in server.received)
    assert accepted == Counter(Delivery.objects.filter(state="sent").values_list("message_id", flat=True))
    assert set(accepted.values()) == {1}
    assert not Delivery.objects.exclude(state__in=["sent", "skipped"]).exists()
    assert "PostgreSQL is not responding" not in caplog.text  # what a deadlock looks like to a worker


def message_id(content: bytes) -> str:
    found = re.search(rb"^message-id:\s*(\S+)", content, re.IGNORECASE | re.MULTILINE)
    assert found is not None
    return found[1].decode()


@pytest.mark.parametrize("undo", [True, False])
def test_announcement_is_cancelled_before_its_release_or_not_at_all(
    threads: ThreadPoolExecutor, settings: Settings, undo: bool
) -> None:
    settings.ANNOUNCEMENT_HOLD = 60
    for _ in range(3):
        make_incident(statement=make_statement(notify=True))
        announcement = Announcement.objects.latest("id")
        releasing = threads.submit(release)
        cancelled = cancel(announcement, undo=undo)
        releasing.result()
        announcement.refresh_from_db()
        assert cancelled == (announcement.cancelled_at is not None) == (announcement.expanded_at is None)
        assert announcement.deliveries.count() == (0 if cancelled else READERS)
        Delivery.objects.all().delete()


def release() -> None:
    release_held(timezone.now() + timedelta(minutes=2))
    connections.close_all()


def cancel(announcement: Announcement, *, undo: bool) -> bool:
    if not undo:
        return operations.cancel_announcement(by=ANYBODY, announcement=announcement)
    try:
        operations.undo_update(by=ANYBODY, update=announcement.update)
    except ValidationError:
        return False
    return True
