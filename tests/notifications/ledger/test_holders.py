"""Which jobs count as dead: not those that are slow, nor those whose database has just restarted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from harness.waiting import wait_for
from incidents.models import Delivery, Holder
from incidents.notifications.ledger import claims, holders, recovery
from incidents.notifications.ledger.writer import Ledger
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, new_holder
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    """The thread of a worker, with a database connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(connections.close_all).result()


@pytest.fixture
def ledger(worker: ThreadPoolExecutor) -> Ledger:
    ledger = worker.submit(Ledger).result()
    worker.submit(ledger.begin).result()
    return ledger


def look(*seconds: int, since: datetime | None = None) -> None:
    """Let the scheduler look for dead jobs after so many seconds."""
    for after in seconds:
        recovery.recover_abandoned((since or timezone.now()) + timedelta(seconds=after))


def is_known(ledger: Ledger) -> bool:
    return Holder.objects.filter(pk=ledger.holder).exists()


def test_job_without_a_session_is_dead_at_the_second_look() -> None:
    make_subscriber()
    announcement = announced()
    claims.claim(new_holder(), announcement.pk, 1, timezone.now())
    look(7, 15)
    assert Delivery.objects.get().holder is not None
    look(30)
    assert Delivery.objects.get().holder is None
    assert not Holder.objects.exists()


def test_silent_job_is_alive_while_its_session_is_open(ledger: Ledger) -> None:
    look(15, 30, 45)
    assert is_known(ledger)


def test_open_session_proves_nothing_after_a_minute(ledger: Ledger) -> None:
    look(65, 70)
    assert is_known(ledger)
    look(75)
    assert not is_known(ledger)


def test_job_is_alive_while_its_session_executes_a_statement(ledger: Ledger, worker: ThreadPoolExecutor) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE incidents_delivery")  # as a migration does
        waiting = worker.submit(ledger.run, Delivery.objects.count)
        wait_for(is_connection_blocked)
        look(75, 150, 600)
        assert is_known(ledger)
    assert waiting.result() == 0


@pytest.mark.usefixtures("fresh_pool")
def test_job_is_alive_after_the_database_has_restarted(ledger: Ledger, worker: ThreadPoolExecutor) -> None:
    restarted_at = timezone.now() + timedelta(seconds=30)
    end_sessions()
    wait_for(lambda: ledger.holder not in holders._sessions())
    look(0, 5, since=restarted_at)
    assert Holder.objects.get(pk=ledger.holder).suspected_at == restarted_at
    worker.submit(ledger.renew).result()
    look(0, 15, since=restarted_at)
    assert is_known(ledger)
    assert ledger.holder in holders._sessions()


def end_sessions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_session_of_an_ended_job_is_not_kept(ledger: Ledger, worker: ThreadPoolExecutor) -> None:
    worker.submit(ledger.end).result()
    assert ledger.holder not in holders._sessions()
    assert not is_known(ledger)


def test_two_jobs_of_one_process_have_locks_of_their_own(ledger: Ledger, worker: ThreadPoolExecutor) -> None:
    other = worker.submit(Ledger).result()
    worker.submit(other.begin).result()
    assert {ledger.holder, other.holder} <= set(holders._sessions())
    worker.submit(ledger.end).result()
    assert ledger.holder not in holders._sessions()
    look(15, 30)
    assert is_known(other)
