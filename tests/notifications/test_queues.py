"""PostgreSQL records what is due; a job only wakes a worker."""

from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.queue import Queue as BaseQueue

from harness.deliveries import release_held
from harness.smtp_server import ScriptedServer
from incidents.models import Delivery, Subscriber, SubscriptionRequest
from incidents.notifications import outbox, queues
from incidents.notifications.ledger import recovery
from incidents.notifications.sender.email_workers import MailWorker, MessageWorker
from incidents.subscriptions import requests
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_incident, make_statement, make_subscriber
from tests.notifications.helpers import announced, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> Queue:
    return queues.queue(queues.EMAILS)


@pytest.fixture
def message_queue() -> Queue:
    return queues.queue(queues.MESSAGES)


@pytest.fixture
def request_queue() -> Queue:
    return queues.queue(queues.REQUESTS)


def fill_outbox(reader: Subscriber, number: int) -> None:
    """Create that many single messages to one subscriber, without a job."""
    first = outbox.create_message(reader, Delivery.Letter.ALREADY_SUBSCRIBED)
    columns = {field.attname: getattr(first, field.attname) for field in Delivery._meta.concrete_fields}
    del columns["id"]
    copies = [Delivery(**{**columns, "message_id": f"<{copy}@example.dk>"}) for copy in range(1, number)]
    Delivery.objects.bulk_create(copies)


def store_requests(number: int) -> None:
    SubscriptionRequest.objects.bulk_create(
        requests.to_subscribe(f"reader{copy}@host{copy}.example", Choices("da")) for copy in range(number)
    )


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
    SimpleWorker([queue], connection=queue.connection, serializer="json").work(burst=True)
    assert states() == {"sent": 1}


def test_single_messages_are_one_job_of_a_queue_of_their_own(
    queue: Queue, message_queue: Queue, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    reader = make_subscriber()
    with django_capture_on_commit_callbacks(execute=True):
        for _message in range(20):
            outbox.queue_message(reader, Delivery.Letter.ALREADY_SUBSCRIBED)
    assert (len(queue), len(message_queue)) == (0, 1)


class RecordingWorker(SimpleWorker):
    """Notes the queue of each job."""

    taken: list[str]

    def execute_job(self, job: Job, queue: BaseQueue) -> None:
        super().execute_job(job, queue)
        self.taken.append(job.origin)


def recording_worker(*of: Queue) -> RecordingWorker:
    worker = RecordingWorker(list(of), connection=of[0].connection, serializer="json")
    worker.taken = []
    return worker


def let_wait(kind: str, number: int) -> None:
    """Create that many single messages or requests, and a job for them."""
    if kind == "messages":
        fill_outbox(Subscriber.objects.get(), number)
        assert queues.enqueue_messages()
    else:
        store_requests(number)
        assert queues.enqueue(queues.REQUESTS, "incidents.subscriptions.jobs.process_requests")


@pytest.mark.parametrize("kind", ["messages", "requests"])
def test_announcement_is_sent_before_all_that_waits(
    server: ScriptedServer, queue: Queue, message_queue: Queue, request_queue: Queue, kind: str
) -> None:
    make_subscriber("reader@example.dk")
    let_wait(kind, 1500)
    queues.enqueue_emails(announced().pk, 1)
    recording_worker(queue, message_queue, request_queue).work(burst=True, max_jobs=1)
    assert [message.recipient for message in server.received] == ["reader@example.dk"]
    assert Delivery.objects.get(state="sent").announcement_id


@pytest.mark.parametrize("kind", ["messages", "requests"])
def test_announcement_is_taken_after_one_batch(
    server: ScriptedServer, queue: Queue, message_queue: Queue, request_queue: Queue, kind: str
) -> None:
    make_subscriber("reader@example.dk")
    let_wait(kind, 250)
    worker = recording_worker(queue, message_queue, request_queue)
    worker.work(burst=True, max_jobs=1)
    queues.enqueue_emails(announced().pk, 1)
    worker.work(burst=True, max_jobs=2)
    assert worker.taken == [kind, "delivery", kind]


def test_jobs_go_on_until_nothing_waits(server: ScriptedServer, queue: Queue, message_queue: Queue) -> None:
    make_subscriber("reader@example.dk")
    let_wait("messages", 250)
    worker = recording_worker(queue, message_queue)
    worker.work(burst=True)
    assert states() == {"sent": 250}
    assert len(worker.taken) >= 3


def test_job_for_messages_ends_early_while_an_announcement_waits(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends at least one message: the worker that takes announcements may be another one."""
    fill_outbox(make_subscriber("reader@example.dk"), 3)
    is_asked = Event()

    def is_waiting(name: str) -> bool:
        is_asked.set()
        return name == queues.EMAILS

    def reply_late(_stage: str, _recipient: str) -> None:
        is_asked.wait(60)

    monkeypatch.setattr(queues, "is_waiting", is_waiting)
    server.says = reply_late
    assert MessageWorker().run()
    assert states() == {"sent": 1, "queued": 2}
    assert not Delivery.objects.filter(holder__isnull=False, state="queued").exists()


def test_announcement_gives_a_twentieth_to_single_messages(server: ScriptedServer) -> None:
    """They follow the first batch, so that they delay no news, and nobody waits until all subscribers are notified."""
    for number in range(60):
        make_subscriber(f"reader{number}@host{number}.example")
    announcement = announced()
    fill_outbox(Subscriber.objects.earliest("pk"), 10)
    assert not MailWorker(announcement.pk, 40).run()
    assert states(announcement=announcement) == {"sent": 60}
    assert states(announcement=None) == {"sent": 3, "queued": 7}
    sent = Delivery.objects.filter(state="sent").order_by("sent_at").values_list("announcement", flat=True)
    assert list(sent[:10]) == [announcement.pk] * 10


@pytest.mark.parametrize(("sent", "batch"), [(0, 40), (300, 40), (700, 70), (2000, 160)])
def test_fast_worker_claims_as_many_as_it_sends_in_a_second_up_to_four_batches(sent: int, batch: int) -> None:
    worker = MailWorker(announced().pk, 40)
    worker.claimed_news, worker.dispatcher.pending = sent + 5, 5
    assert worker.next_batch(10.0) == batch


def test_small_announcement_sends_no_single_messages(server: ScriptedServer) -> None:
    fill_outbox(make_subscriber("reader@example.dk"), 10)
    MailWorker(announced().pk, 500).run()
    assert (states(announcement=None), len(server.received)) == ({"queued": 10}, 1)


def test_messages_claim_no_more_than_the_rate_allows_in_a_second(server: ScriptedServer, settings: Settings) -> None:
    settings.EMAIL_RATE = 2
    fill_outbox(make_subscriber("reader@example.dk"), 5)
    assert MessageWorker().run()
    assert states() == {"sent": 2, "queued": 3}


def test_release_works_and_loses_nothing_while_the_queue_is_down(
    no_queue: None, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_subscriber()
    make_incident(statement=make_statement(notify=True))
    with django_capture_on_commit_callbacks(execute=True):
        assert release_held() == 1
    assert states() == {"queued": 1}
    assert "the scheduler will enqueue the work later" in caplog.text


def test_sweep_enqueues_jobs_that_were_lost(queue: Queue, message_queue: Queue) -> None:
    make_subscriber()
    announcement = announced()
    outbox.queue_message(make_subscriber(), Delivery.Letter.ALREADY_SUBSCRIBED)
    queue.empty()  # type: ignore[no-untyped-call]
    recovery.sweep(timezone.now())
    assert [job.args[0] for job in queue.jobs] == [announcement.pk]
    assert [job.func_name for job in message_queue.jobs] == ["incidents.notifications.jobs.send_messages"]


def test_sweep_finds_single_messages_while_an_announcement_waits(queue: Queue, message_queue: Queue) -> None:
    make_subscriber()
    queues.enqueue_emails(announced().pk, 1)
    outbox.create_message(make_subscriber(), Delivery.Letter.ALREADY_SUBSCRIBED)
    recovery.sweep(timezone.now())
    recovery.sweep(timezone.now())
    assert (len(queue), len(message_queue)) == (1, 1)


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
    assert queues.enqueue_emails(1, 1) is False
    assert queues.enqueue_messages() is False


def test_sweep_survives_while_the_queue_is_down(no_queue: None) -> None:
    make_subscriber()
    announced()
    recovery.sweep(timezone.now())
    assert states() == {"queued": 1}
