"""What a worker holds: never more than it soon sends, nothing that is paused, and no row that leads nowhere."""

import time
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Announcement, Delivery, Subscriber
from incidents.notifications import announcements, claims, delivery, worker
from incidents.notifications.ledger import Held
from tests.factories import make_subscriber

from .helpers import announced, states, work_off
from .wire import ScriptedServer

pytestmark = pytest.mark.django_db


def test_a_worker_stops_at_once_when_its_announcement_is_paused_amid_its_claims(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    for number in range(30):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    write_mail = worker.MailWorker.mail

    def pause_at_the_third(self: worker.MailWorker, row: Held) -> bytes:
        if len(server.taken) == 2:
            self.pen.thread.submit(announcements.pause, announcement).result()
        return write_mail(self, row)

    monkeypatch.setattr(worker.MailWorker, "mail", pause_at_the_third)
    delivery.work(announcement.pk, 30)
    assert len(server.taken) == 3
    assert states() == {"sent": 3, "queued": 27}
    assert not Delivery.objects.filter(lease_until__isnull=False).exists()


def test_a_worker_on_a_slow_relay_holds_no_more_than_one_batch(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that others can share the work, and letters do not outlive their lease while they wait."""
    settings.EMAIL_CONNECTIONS = 1
    for number in range(30):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    claim, taken_at_claims = claims.claim, []

    def twice(announcement_id: int | None, *rest: object) -> list[Held]:
        if announcement_id is not None:
            taken_at_claims.append(len(server.taken))
            if len(taken_at_claims) == 2:
                announcements.pause(announcement)
        return claim(announcement_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(claims, "claim", twice)
    server.says = lambda stage, _to: time.sleep(0.08) if stage == "DOT" else None
    delivery.work(announcement.pk, 12)
    assert taken_at_claims[0] == 0
    assert taken_at_claims[1] >= 9


@pytest.mark.django_db(transaction=True)
def test_whoever_pauses_waits_for_a_claim_that_is_being_made() -> None:
    """And so takes its rows away: nobody's hands are full after a pause."""
    make_subscriber()
    announcement = announced()
    refused: list[Exception] = []

    def pause_impatiently() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")  # not for whoever gets this connection next
                announcements.pause(announcement)
        except OperationalError as error:
            refused.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        assert len(claims.claim(announcement.pk, 10, timezone.now())) == 1
        other = Thread(target=pause_impatiently)
        other.start()
        other.join()
    assert "lock timeout" in str(refused[0])
    announcements.pause(announcement)
    assert claims.claim(announcement.pk, 10, timezone.now()) == []
    assert Delivery.objects.get().lease_until is None


@pytest.mark.parametrize("gone", [Subscriber, Announcement])
def test_a_row_whose_other_half_was_deleted_by_hand_is_not_queued_for_ever(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, gone: type[Subscriber | Announcement]
) -> None:
    make_subscriber("reader@example.dk")
    announced()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {gone._meta.db_table}")
    assert delivery.waiting_for_a_job(timezone.now()) != []
    work_off()
    assert delivery.waiting_for_a_job(timezone.now()) == []
    assert server.taken == []
    assert "1 deliveries are forgotten" in caplog.text


def test_a_letter_of_our_own_accord_to_somebody_who_is_gone_is_forgotten(server: ScriptedServer) -> None:
    gone, there = make_subscriber("gone@example.dk"), make_subscriber("there@example.dk")
    for reader in (gone, there):
        delivery.queue_letter(reader, Delivery.Letter.MANAGE)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM incidents_subscriber WHERE id = %s", [gone.pk])
    work_off()
    assert [letter.recipient for letter in server.taken] == ["there@example.dk"]
    assert states() == {"sent": 1}
