"""How a job ends: stopped while it opens a connection, taken for dead, or with the database gone."""

from datetime import datetime
from threading import Event

import pytest
from django.db import connection
from pytest_django import Settings

from harness.smtp_server import ScriptedServer
from harness.waiting import PATIENCE
from incidents.models import Delivery, Holder
from incidents.notifications import jobs, queues
from incidents.notifications.channels import email
from incidents.notifications.ledger import holders
from incidents.notifications.sender import stopping
from incidents.stop_signal import StopSignal
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> StopSignal:
    """The signal to stop."""
    requested = StopSignal()
    monkeypatch.setattr(stopping, "_requested", requested)
    return requested


def announce(readers: int) -> int:
    for number in range(readers):
        make_subscriber(f"reader{number}@example.dk")
    return announced().pk


def session_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [holders._LOCK_CLASS],
        )
        return int(cursor.fetchone()[0])


def test_outcome_is_recorded_if_the_job_is_stopped_while_it_opens_the_next_connection(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, stop: StopSignal
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    monkeypatch.setattr(email, "RECYCLE_AFTER", 1)
    ended = Event()

    def stop_at_the_second(stage: str, _recipient: str) -> None:
        if stage == "CONNECT" and server.connections > 1:
            stop.set()
            ended.wait(PATIENCE)

    announcement = announce(3)
    server.says = stop_at_the_second
    jobs.deliver(announcement, 10)
    ended.set()
    assert len(server.received) == 1
    assert states() == {"sent": 1, "queued": 2}
    assert not Delivery.objects.filter(holder__isnull=False).exists()


def test_job_that_waits_for_the_rate_limit_is_stopped_at_once(
    server: ScriptedServer, settings: Settings, stop: StopSignal
) -> None:
    settings.EMAIL_RATE = 0.001  # the second email would wait for a quarter of an hour
    announcement = announce(3)
    server.says = lambda stage, _recipient: stop.set() if stage == "DOT" else None
    jobs.deliver(announcement, 10)
    assert states() == {"sent": 1, "queued": 2}


def test_job_that_counted_as_dead_ends_and_another_sends_the_rest(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    announcement = announce(3)
    queues.queue(queues.EMAILS).empty()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(holders, "RENEW_EVERY", holders.RENEW_EVERY / 1000)
    lost = Event()
    renew = holders.renew

    def renew_or_lose(holder: int, now: datetime) -> None:
        try:
            renew(holder, now)
        except holders.HolderLost:
            lost.set()
            raise

    monkeypatch.setattr(holders, "renew", renew_or_lose)

    def die_at_the_first(stage: str, _recipient: str) -> None:
        if stage == "DOT" and not lost.is_set():
            Holder.objects.all().delete()
            connection.close()
            lost.wait(PATIENCE)

    server.says = die_at_the_first
    jobs.deliver(announcement, 10)
    assert len(server.received) == 1
    assert "Another job sends what is left" in caplog.text
    assert len(queues.queue(queues.EMAILS)) == 1
    assert not Delivery.objects.waiting().filter(holder__isnull=False).exists()


def test_no_session_lock_is_left_after_a_job(server: ScriptedServer) -> None:
    announcement, before = announce(3), session_locks()  # other tests may have left some
    seen: list[int] = []

    def count_locks(stage: str, _recipient: str) -> None:
        if stage == "DOT":
            seen.append(session_locks())
            connection.close()

    server.says = count_locks
    jobs.deliver(announcement, 10)
    assert seen == [before + 1] * 3
    assert session_locks() == before
    assert not Holder.objects.exists()


@pytest.mark.usefixtures("fresh_pool")
def test_job_whose_connection_is_ended_again_and_again_sends_everything_once(
    server: ScriptedServer, settings: Settings
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    announcement = announce(6)

    def disconnect(stage: str, _recipient: str) -> None:
        if stage == "DOT" and len(server.received) % 2:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            connection.close()

    server.says = disconnect
    jobs.deliver(announcement, 10)
    assert states() == {"sent": 6}
    assert len(server.received) == 6
    assert session_locks() == 0


def test_worker_reaches_a_restarted_database_before_it_counts_as_dead() -> None:
    """The pool would otherwise try again after 1, 2, 4, … seconds, in which a living job does not renew."""
    pool = connection.settings_dict["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] <= pool["timeout"] < holders.SILENCE.total_seconds() / 2
