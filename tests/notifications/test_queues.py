"""PostgreSQL records what is due; a job only wakes a worker."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import Redis
from rq import Queue, SimpleWorker

from harness.deliveries import release_held
from harness.smtp_server import ScriptedServer
from incidents.models import Delivery
from incidents.notifications import outbox, queues
from incidents.notifications.ledger import recovery
from tests.factories import make_incident, make_statement, make_subscriber
from tests.notifications.helpers import announced, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(settings: Settings) -> Queue:
    connection = Redis.from_url(str(settings.RQ_QUEUES["delivery"]["URL"]))
    found = Queue("delivery", connection=connection)
    found.empty()  # type: ignore[no-untyped-call]
    return found


@pytest.fixture
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    monkeypatch.setattr(queues, "queue", lambda _name: Queue("delivery", connection=unreachable))


def test_job_sends_the_deliveries_of_its_announcement(
    server: ScriptedServer, queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_subscriber("reader@example.dk")
    make_incident(statement=make_statement(notify=True))
    with django_capture_on_commit_callbacks(execute=True):
        release_held()
    (job,) = queue.jobs
    assert job.args[0] == Delivery.objects.get().announcement_id
    SimpleWorker([queue], connection=queue.connection).work(burst=True)
    assert states() == {"sent": 1}


def test_single_message_is_one_job(
    queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        outbox.queue_message(make_subscriber(), Delivery.Letter.ALREADY_SUBSCRIBED)
    assert [job.args[0] for job in queue.jobs] == [None]


def test_release_works_and_loses_nothing_while_the_queue_is_down(
    no_queue: None, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_subscriber()
    make_incident(statement=make_statement(notify=True))
    with django_capture_on_commit_callbacks(execute=True):
        assert release_held() == 1
    assert states() == {"queued": 1}
    assert "the scheduler will enqueue the work later" in caplog.text


def test_sweep_enqueues_jobs_that_were_lost(queue: Queue) -> None:
    make_subscriber()
    announcement = announced()
    outbox.queue_message(make_subscriber(), Delivery.Letter.ALREADY_SUBSCRIBED)
    queue.empty()  # type: ignore[no-untyped-call]
    recovery.sweep(timezone.now())
    assert [job.args[0] for job in queue.jobs] == [None, announcement.pk]


def test_sweep_enqueues_nothing_while_a_job_waits(queue: Queue) -> None:
    make_subscriber()
    announced()
    recovery.sweep(timezone.now())
    recovery.sweep(timezone.now())
    assert len(queue) == 1


def test_sweep_enqueues_nothing_that_is_not_due(queue: Queue) -> None:
    make_subscriber()
    announced()
    Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=5))
    recovery.sweep(timezone.now())
    assert len(queue) == 0


def test_enqueueing_fails_at_once_while_the_queue_is_down(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """By default the client retries, with pauses of seconds."""
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"slept for {seconds} seconds"))
    settings.RQ_QUEUES = {name: {"URL": "redis://127.0.0.1:1/0"} for name in settings.RQ_QUEUES}
    monkeypatch.setattr(queues, "queue", queues.queue.__wrapped__)
    assert queues.enqueue_emails(None, 1) is False


def test_sweep_survives_while_the_queue_is_down(no_queue: None) -> None:
    make_subscriber()
    announced()
    recovery.sweep(timezone.now())
    assert states() == {"queued": 1}
