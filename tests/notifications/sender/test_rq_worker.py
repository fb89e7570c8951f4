"""The heartbeat of the workers, with a real queue that is emptied or restarted."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.job import Job

from incidents.notifications import queues
from incidents.notifications.monitoring import health
from incidents.notifications.sender.rq_worker import HeartbeatWorker
from statuspage.local import sockets
from statuspage.local.valkey import Valkey

pytestmark = pytest.mark.django_db

TAKES = ["delivery", "messages", "requests"]


class SameSocket(Valkey):
    """Listens on the same socket after a restart."""

    def _find_socket_folder(self, preferred: Path) -> Path:
        self.socket_folder = getattr(self, "socket_folder", None) or sockets.make_folder()
        return self.socket_folder


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A queue of this test's own, so that it can be emptied and restarted; it keeps nothing."""
    server = SameSocket(tmp_path / "valkey", tmp_path / "valkey.log", lasting=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.socket_folder)


@pytest.fixture
def redis(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Redis:
    connection = Redis.from_url(valkey.url)
    monkeypatch.setattr(queues, "queue", lambda name: Queue(name, connection=connection, serializer="json"))
    return connection


@pytest.fixture
def worker(redis: Redis) -> HeartbeatWorker:
    worker = HeartbeatWorker([queues.queue(name) for name in TAKES], connection=redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    return worker


def known() -> list[health.WorkerInfo]:
    return health.check_health(timezone.now()).workers


def test_idle_worker_is_known_again_after_the_queue_was_emptied(worker: HeartbeatWorker, redis: Redis) -> None:
    (before,) = known()
    redis.flushall()
    assert known() == []
    worker.dequeue_job_and_maintain_ttl(timeout=1, max_idle_time=1)
    (after,) = known()
    assert (after.name, after.host, after.pid, after.since) == (before.name, before.host, before.pid, before.since)
    assert after.queues == tuple(TAKES)
    assert after.is_live(timezone.now())


def test_idle_worker_is_known_again_after_the_queue_was_restarted(worker: HeartbeatWorker, valkey: Valkey) -> None:
    valkey.stop()
    valkey.start()
    emptied = health.check_health(timezone.now())
    assert emptied.queue_answers
    assert emptied.workers == []
    worker.dequeue_job_and_maintain_ttl(timeout=1, max_idle_time=1)
    assert [found.queues for found in known()] == [tuple(TAKES)]
    assert worker.max_connection_wait_time < health.HEARTBEAT.total_seconds()


def test_worker_with_a_job_is_known_again_after_the_queue_was_emptied(worker: HeartbeatWorker, redis: Redis) -> None:
    job, execution = start_job(worker, redis)
    redis.flushall()
    worker.maintain_heartbeats(job, execution)
    (found,) = known()
    assert found.queues == tuple(TAKES)
    assert found.state == "busy"
    assert 0 < redis.ttl(worker.key) <= 120


def test_queue_that_is_down_during_a_job_does_not_end_the_worker(
    worker: HeartbeatWorker, redis: Redis, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    job, execution = start_job(worker, redis)
    valkey.stop()
    worker.maintain_heartbeats(job, execution)
    assert "registers again" in caplog.text
    valkey.start()
    worker.maintain_heartbeats(job, execution)
    assert [found.name for found in known()] == [worker.name]


def test_worker_appears_once_and_a_dead_one_not_for_ever(worker: HeartbeatWorker, redis: Redis) -> None:
    for _ in range(3):
        worker.heartbeat()
    assert len(known()) == 1
    assert not health.check_health(timezone.now() + timedelta(minutes=1)).live_workers
    assert 0 < redis.ttl(worker.key) < timedelta(minutes=10).total_seconds()
    redis.delete(worker.key)  # the time is over
    assert known() == []


def test_worker_that_has_ended_is_gone_at_once(worker: HeartbeatWorker) -> None:
    worker.register_death()  # type: ignore[no-untyped-call]
    assert known() == []


def start_job(worker: HeartbeatWorker, redis: Redis) -> tuple[Job, Execution]:
    job = queues.queue(TAKES[0]).enqueue("time.sleep", 0)
    execution = worker.prepare_execution(job)
    job.started_at = timezone.now()
    return job, execution
