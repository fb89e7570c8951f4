"""What others have written into the queue, or a former version, is neither run nor loaded, and stops no worker."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from harness.smtp_server import ScriptedServer
from incidents.models import Delivery
from incidents.notifications import outbox, queues
from incidents.notifications.sender.queued_job import QueuedJob
from tests.factories import make_subscriber
from tests.notifications.helpers import states
from tests.support.receiver import Receiver
from tests.support.rq_workers import failed_jobs, rq_worker

pytestmark = pytest.mark.django_db(transaction=True)

SEND_MESSAGES = "incidents.notifications.jobs.send_messages"


class MakesFolder:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (self.folder,)


def job(function: str, *arguments: object) -> bytes:
    return json.dumps([function, None, arguments, {}]).encode()


def write_job(data: bytes, **fields: str | bytes) -> str:
    """Write a job as somebody does who has write access to Valkey; return its key."""
    queue = queues.queue(queues.EMAILS)
    written = Job.create(SEND_MESSAGES, connection=queue.connection, origin=queue.name, result_ttl=0)
    written.save()
    redis: Redis = queue.connection
    for name, value in {"data": data, **fields}.items():
        redis.hset(written.key, name, value)
    redis.rpush(queue.key, written.id)
    return str(written.key)


def wait_for_the_end_of_the_queue(server: ScriptedServer) -> None:
    """A valid job comes last, and a worker that ends when the queue is empty takes them all."""
    outbox.queue_message(make_subscriber(), Delivery.Letter.ALREADY_SUBSCRIBED)
    write_job(job(SEND_MESSAGES))
    with rq_worker(server.port, "delivery", "--burst") as worker:
        assert worker.wait() == 0
    assert states() == {"sent": 1}
    assert failed_jobs() == []
    assert len(queues.queue(queues.EMAILS)) == 0


def test_pickled_job_of_a_former_version_is_discarded_without_being_loaded(
    server: ScriptedServer, tmp_path: Path
) -> None:
    evil = MakesFolder(tmp_path / "unpickled")
    keys = [
        write_job(pickle.dumps((SEND_MESSAGES, None, (evil,), {}))),
        write_job(pickle.dumps((SEND_MESSAGES, None, (), {}))),
        write_job(job(SEND_MESSAGES), meta=pickle.dumps(evil), result=pickle.dumps(evil)),
    ]
    wait_for_the_end_of_the_queue(server)
    assert list(tmp_path.iterdir()) == []
    assert not any(queues.queue(queues.EMAILS).connection.exists(key) for key in keys)


def test_job_that_names_another_function_is_not_run(server: ScriptedServer, tmp_path: Path) -> None:
    path = str(tmp_path / "made")
    write_job(job("os.mkdir", path))
    write_job(job("subprocess.call", ["touch", path]))
    write_job(json.dumps(["__call__", "os.mkdir", [path], {}]).encode())
    for callback in ("success", "failure", "stopped"):
        write_job(job(SEND_MESSAGES), **{f"{callback}_callback_name": "tests.notifications.sender.callbacks.make"})
    wait_for_the_end_of_the_queue(server)
    assert list(tmp_path.iterdir()) == []


def test_key_of_another_type_is_discarded() -> None:
    key = write_job(job(SEND_MESSAGES))
    queue = queues.queue(queues.EMAILS)
    queue.connection.delete(key)
    queue.connection.rpush(key, "a list")
    assert Queue.dequeue_any([queue], None, queue.connection, job_class=QueuedJob, serializer="json") is None
    assert not queue.connection.exists(key)


def test_job_calls_no_address(server: ScriptedServer) -> None:
    with Receiver() as receiver:
        webhook = {"url": receiver.url, "job_status": "finished", "method": "GET", "headers": None, "timeout": 5}
        write_job(job(SEND_MESSAGES), webhooks=json.dumps([webhook]))
        wait_for_the_end_of_the_queue(server)
        assert receiver.posted == []


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"", {}),
        (b"\x80\x05.", {}),
        (b"[]", {}),
        (b"[" * 100_000, {}),
        (b'{"a": 1}', {}),
        (job(SEND_MESSAGES, "text"), {}),
        (job(SEND_MESSAGES, None), {}),
        (job(SEND_MESSAGES, -1), {}),
        (job(SEND_MESSAGES, 2**63), {}),
        (job(SEND_MESSAGES, True), {}),
        (job(SEND_MESSAGES, *range(9)), {}),
        (json.dumps([SEND_MESSAGES, None, [], {"a": 1}]).encode(), {}),
        (json.dumps([[SEND_MESSAGES], None, [], {}]).encode(), {}),
        (job(SEND_MESSAGES), {"timeout": "soon"}),
        (job(SEND_MESSAGES), {"created_at": "yesterday"}),
        (job(SEND_MESSAGES), {"status": "unknown"}),
    ],
)
def test_malformed_job_is_discarded(data: bytes, fields: dict[str, Any]) -> None:
    key = write_job(data, **fields)
    queue = queues.queue(queues.EMAILS)
    assert Queue.dequeue_any([queue], None, queue.connection, job_class=QueuedJob, serializer="json") is None
    assert not queue.connection.exists(key)
