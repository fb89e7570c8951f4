"""Claims: no more than a worker will send soon, nothing that is paused, and no orphaned rows."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due
from harness.smtp_server import ScriptedServer
from harness.waiting import wait_for
from incidents import operations
from incidents.models import Announcement, Delivery, Subscriber
from incidents.notifications import jobs, outbox
from incidents.notifications.ledger import claims, recovery
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.sender.dispatcher import Dispatcher
from incidents.notifications.sender.email_workers import MailWorker
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, new_holder, states
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db


def test_worker_stops_at_once_when_its_announcement_is_paused(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    for number in range(30):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    email_for = MailWorker.email_for

    def pause_at_the_third(self: MailWorker, row: ClaimedDelivery) -> bytes:
        if len(server.received) == 2:
            self.commits.thread.submit(
                lambda: operations.pause_announcement(by=ANYBODY, announcement=announcement)
            ).result()
        return email_for(self, row)

    monkeypatch.setattr(MailWorker, "email_for", pause_at_the_third)
    jobs.deliver(announcement.pk, 30)
    assert len(server.received) == 3
    assert states() == {"sent": 3, "queued": 27}
    assert not Delivery.objects.filter(holder__isnull=False).exists()


def test_worker_on_a_slow_relay_claims_no_more_than_one_batch(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that other workers can share the work."""
    settings.EMAIL_CONNECTIONS = 1
    for number in range(30):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    claim, received_at_claims = claims.claim, []

    def claim_twice(holder: int, announcement_id: int | None, *rest: object) -> list[ClaimedDelivery]:
        if announcement_id is not None:
            received_at_claims.append(len(server.received))
            if len(received_at_claims) == 2:
                operations.pause_announcement(by=ANYBODY, announcement=announcement)
        return claim(holder, announcement_id, *rest)  # type: ignore[arg-type]

    async def return_at_once(self: Dispatcher, rows: int, _seconds: float) -> None:
        """The relay is so slow that the worker looks for more work before each reply."""
        self._low_water = rows
        await asyncio.sleep(0)

    monkeypatch.setattr(claims, "claim", claim_twice)
    monkeypatch.setattr(Dispatcher, "wait_until_below", return_at_once)
    jobs.deliver(announcement.pk, 12)
    assert received_at_claims[0] == 0
    assert received_at_claims[1] >= 9


@pytest.mark.django_db(transaction=True)
def test_pausing_waits_for_claims_that_are_not_committed() -> None:
    """It can then revoke them: no worker has claims after a pause."""
    make_subscriber()
    announcement = announced()

    def pause() -> None:
        try:
            operations.pause_announcement(by=ANYBODY, announcement=announcement)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            assert len(claims.claim(new_holder(), announcement.pk, 10, timezone.now())) == 1
            pausing = other.submit(pause)
            wait_for(lambda: is_connection_blocked() or pausing.done())
            assert not pausing.done()
        pausing.result()
    assert claims.claim(new_holder(), announcement.pk, 10, timezone.now()) == []
    assert Delivery.objects.get().holder is None


@pytest.mark.parametrize("gone", [Subscriber, Announcement])
def test_orphaned_delivery_is_deleted(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, gone: type[Subscriber | Announcement]
) -> None:
    make_subscriber("reader@example.dk")
    announced()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {gone._meta.db_table}")
    assert recovery.announcements_due(timezone.now()) != []
    deliver_due()
    assert recovery.announcements_due(timezone.now()) == []
    assert server.received == []
    assert "1 deliveries deleted" in caplog.text


def test_single_message_to_a_deleted_subscriber_is_deleted(server: ScriptedServer) -> None:
    gone, active = make_subscriber("gone@example.dk"), make_subscriber("active@example.dk")
    for reader in (gone, active):
        outbox.queue_message(reader, Delivery.Letter.MANAGE)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM incidents_subscriber WHERE id = %s", [gone.pk])
    deliver_due()
    assert [message.recipient for message in server.received] == ["active@example.dk"]
    assert states() == {"sent": 1}
