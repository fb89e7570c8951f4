"""A stop is a stop: real workers of RQ are stopped while they send, in every way that an operator stops them."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from harness.smtp_server import ScriptedServer, as_usual
from harness.waiting import PATIENCE, wait_for
from incidents.models import Delivery, Holder, Subscriber, SubscriptionRequest
from incidents.notifications import queues
from incidents.notifications.ledger import recovery
from incidents.subscriptions import lifecycle, requests
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import announced, states
from tests.support.database import is_connection_blocked
from tests.support.receiver import OK, Posted, Receiver
from tests.support.rq_workers import (
    CONNECTIONS,
    RqWorker,
    failed_jobs,
    rq_worker,
    wait_for_horse,
    wait_for_lost_sessions,
)

pytestmark = pytest.mark.django_db(transaction=True)

READERS = 40


class Held:
    """A script for the server: from the tenth message on it does not reply at `stage` until `release` is called."""

    def __init__(self, stage: str = "DOT") -> None:
        self.stage = stage
        self.waiting: list[str] = []
        self.accepted = 0
        self.released = threading.Event()

    def __call__(self, stage: str, recipient: str) -> str | None:
        if stage == self.stage:
            self.accepted += 1
            if self.accepted > 10:
                self.waiting.append(recipient)
                self.released.wait(PATIENCE)
        return None

    def all_are_waiting(self) -> bool:
        return len(self.waiting) >= CONNECTIONS


@contextmanager
def holding(server: ScriptedServer, stage: str = "DOT") -> Iterator[Held]:
    server.says = held = Held(stage)
    try:
        yield held
    finally:
        held.released.set()


def announce() -> None:
    for number in range(READERS):
        make_subscriber(f"reader{number}@example.dk")
    announced()


def has_given_back_the_rest() -> bool:
    return not Delivery.objects.waiting().filter(holder__isnull=False).exists()


def assert_everybody_is_notified_once(server: ScriptedServer) -> None:
    recipients = sorted(message.recipient for message in server.received)
    assert recipients == sorted(Subscriber.objects.values_list("address", flat=True))
    assert states() == {"sent": READERS}
    assert failed_jobs() == []


def send_the_rest(server: ScriptedServer) -> None:
    with rq_worker(server.port) as worker:
        wait_for(lambda: states() == {"sent": READERS})
        worker.signal(signal.SIGTERM, "parent")
        assert worker.wait() == 0


@pytest.mark.parametrize("targets", [("parent",), ("parent", "horse")])
def test_stopped_worker_finishes_what_is_in_flight_and_gives_back_the_rest(
    server: ScriptedServer, targets: tuple[str, ...]
) -> None:
    announce()
    with holding(server) as held, rq_worker(server.port) as worker:
        wait_for(held.all_are_waiting)
        worker.signal(signal.SIGTERM, *targets)
        wait_for(has_given_back_the_rest)
        assert states() == {"sent": 10, "sending": CONNECTIONS, "queued": READERS - 10 - CONNECTIONS}
        held.released.set()
        assert worker.wait() == 0
    assert states() == {"sent": 10 + CONNECTIONS, "queued": READERS - 10 - CONNECTIONS}
    assert not Delivery.objects.filter(holder__isnull=False).exists()
    assert not Holder.objects.exists()
    send_the_rest(server)
    assert_everybody_is_notified_once(server)


def test_stopped_job_leaves_the_rest_to_the_next_job_of_its_worker(server: ScriptedServer) -> None:
    announce()
    with holding(server) as held, rq_worker(server.port) as worker:
        wait_for(held.all_are_waiting)
        stopped = worker.horse()
        worker.signal(signal.SIGTERM, "horse")
        wait_for(has_given_back_the_rest)
        held.released.set()
        wait_for(lambda: states() == {"sent": READERS})
        assert worker.horse() != stopped
        worker.signal(signal.SIGTERM, "parent")
        assert worker.wait() == 0
    assert_everybody_is_notified_once(server)


def test_worker_that_is_stopped_several_times_finishes_what_is_in_flight(server: ScriptedServer) -> None:
    announce()
    with holding(server) as held, rq_worker(server.port) as worker:
        wait_for(held.all_are_waiting)
        for _ in range(2):
            worker.signal(signal.SIGTERM, "parent", "horse")
            threading.Event().wait(1.2)  # RQ kills its job at a second signal, unless it comes within a second
        assert worker.process.poll() is None
        held.released.set()
        assert worker.wait() == 0
    assert states()["sent"] == 10 + CONNECTIONS
    send_the_rest(server)
    assert_everybody_is_notified_once(server)


@pytest.mark.parametrize(
    ("stage", "left"),
    [
        ("DOT", {"sent": 10, "uncertain": CONNECTIONS, "queued": READERS - 10 - CONNECTIONS}),
        ("RCPT", {"sent": 10, "queued": READERS - 10}),
    ],
)
def test_worker_ends_although_the_server_never_replies(
    server: ScriptedServer, stage: str, left: dict[str, int]
) -> None:
    announce()
    with holding(server, stage) as held, rq_worker(server.port, grace=0.4) as worker:
        wait_for(held.all_are_waiting)
        worker.signal(signal.SIGTERM, "parent")
        assert worker.wait() == 0
        assert states() == left
        assert not Delivery.objects.filter(holder__isnull=False).exists()
    assert failed_jobs() == []


def test_stopped_worker_does_not_wait_for_a_connection(server: ScriptedServer) -> None:
    announce()
    with unreachable() as port, rq_worker(port, grace=PATIENCE) as worker:
        wait_for_horse(worker)
        wait_for(lambda: Delivery.objects.filter(holder__isnull=False).exists())
        worker.signal(signal.SIGTERM, "parent")
        assert worker.wait() == 0
    assert states() == {"queued": READERS}
    assert not Delivery.objects.filter(holder__isnull=False).exists()
    send_the_rest(server)
    assert_everybody_is_notified_once(server)


@contextmanager
def unreachable() -> Iterator[int]:
    """A port whose backlog is full, so that Linux drops further SYNs to it."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.parametrize("targets", [("horse",), ("horse", "parent")])
def test_killed_worker_is_found_within_half_a_minute(server: ScriptedServer, targets: tuple[str, ...]) -> None:
    announce()
    before = dict(Delivery.objects.values_list("pk", "message_id"))
    dates = dict(Delivery.objects.values_list("pk", "dated_at"))
    with ExitStack() as stack:
        worker = stack.enter_context(rq_worker(server.port))
        kill_at_the_tenth(server, worker, targets)
        wait_for(lambda: len(server.received) >= 10)
        if "parent" in targets:
            worker.wait()
        wait_for_lost_sessions()
        in_flight = states()["sending"]
        assert 1 <= in_flight <= CONNECTIONS
        now = timezone.now()
        recovery.recover_abandoned(now + timedelta(seconds=15))
        recovery.recover_abandoned(now + timedelta(seconds=30))
        assert not Delivery.objects.filter(holder__isnull=False).exists()
        assert states()["uncertain"] == in_flight
        Delivery.objects.filter(state="uncertain").update(next_attempt_at=now)
        server.says = as_usual
        recovery.sweep(now)
        if "parent" in targets:
            stack.enter_context(rq_worker(server.port))
        wait_for(lambda: states() == {"sent": READERS})
    assert dict(Delivery.objects.values_list("pk", "message_id")) == before
    assert dict(Delivery.objects.values_list("pk", "dated_at")) == dates
    assert_doubles_are_equal_and_marked(server, in_flight)


def kill_at_the_tenth(server: ScriptedServer, worker: RqWorker, targets: tuple[str, ...]) -> None:
    dots: list[str] = []
    dead = threading.Event()

    def says(stage: str, recipient: str) -> None:
        if stage == "DOT":
            dots.append(recipient)
            if len(dots) == 10:
                worker.signal(signal.SIGKILL, *targets)
                dead.set()
            elif len(dots) > 10:
                dead.wait(PATIENCE)

    server.says = says


def assert_doubles_are_equal_and_marked(server: ScriptedServer, in_flight: int) -> None:
    marked = set(Delivery.objects.filter(times_uncertain=1).values_list("subscriber__address", flat=True))
    assert len(marked) == in_flight
    for address in Subscriber.objects.values_list("address", flat=True):
        copies = server.to(address)
        assert len(copies) == 1 or (len(copies) == 2 and address in marked)
        assert len({(copy.message["Message-ID"], copy.message["Date"]) for copy in copies}) == 1


def test_stopped_worker_finishes_a_post_and_gives_back_the_others(settings: Settings) -> None:
    with blocking_receiver() as (receiver, released):
        announce_to_webhooks(receiver, settings)
        with rq_worker(1, "posts", WEBHOOK_NETWORKS="127.0.0.0/8") as worker:
            wait_for(lambda: receiver.posted)
            worker.signal(signal.SIGTERM, "parent", "horse")
            wait_for(has_given_back_the_rest)
            released.set()
            assert worker.wait() == 0
        assert states() == {"sent": 1, "queued": WEBHOOKS - 1}
        assert not Delivery.objects.filter(holder__isnull=False).exists()
        assert failed_jobs() == []
        assert len(queues.queue(queues.POSTS)) == 1


def test_worker_ends_although_a_webhook_never_answers(settings: Settings) -> None:
    with blocking_receiver() as (receiver, _released):
        announce_to_webhooks(receiver, settings)
        with rq_worker(1, "posts", grace=0.4, WEBHOOK_NETWORKS="127.0.0.0/8") as worker:
            wait_for(lambda: receiver.posted)
            worker.signal(signal.SIGTERM, "parent")
            assert worker.wait() == 0
        assert states() == {"uncertain": 1, "queued": WEBHOOKS - 1}
        assert not Delivery.objects.filter(holder__isnull=False).exists()
        assert failed_jobs() == []


WEBHOOKS = 5


def announce_to_webhooks(receiver: Receiver, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    for number in range(WEBHOOKS):
        make_subscriber(f"{receiver.url}&n={number}", channel="webhook", owner=f"owner{number}@example.dk")
    announced()


@contextmanager
def blocking_receiver() -> Iterator[tuple[Receiver, threading.Event]]:
    released = threading.Event()

    def answer(_posted: Posted) -> bytes:
        released.wait(PATIENCE)
        return OK

    with Receiver(says=answer) as receiver:
        try:
            yield receiver, released
        finally:
            released.set()


def test_stopped_worker_finishes_a_request_from_the_public_form() -> None:
    make_page()
    requests.to_subscribe("reader@example.dk", Choices("en")).save()
    requests.enqueue()
    with rq_worker(1) as worker:
        with transaction.atomic():
            lifecycle.lock_address("reader@example.dk")
            wait_for(is_connection_blocked)
            worker.signal(signal.SIGTERM, "parent", "horse")
        assert worker.wait() == 0
    assert not SubscriptionRequest.objects.exists()
    assert Subscriber.objects.get().state == "pending"
    assert states() == {"queued": 1}
    assert failed_jobs() == []
