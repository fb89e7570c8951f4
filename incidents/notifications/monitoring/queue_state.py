"""The queues of Valkey for the metrics: jobs, the oldest of them, and workers."""

import contextlib
from dataclasses import dataclass
from datetime import datetime

from rq import Queue
from rq.job import Job
from rq.utils import as_text

from .. import queues
from . import health


@dataclass(frozen=True)
class QueueState:
    """One queue at one moment; ages are in seconds. `worker_started_at` is of the newest worker."""

    name: str
    jobs: int
    failed: int
    oldest_age: float
    workers: int
    worker_started_at: datetime | None


def queue_states(now: datetime) -> list[QueueState]:
    """Return the state of each queue. Raises RedisError if Valkey does not answer."""
    all_queues = [queues.queue(name) for name in queues.ALL]
    known = {worker.name: worker for queue in all_queues for worker in health.workers_of(queue)}
    live = [worker for worker in known.values() if worker.is_live(now)]
    return [_state(queue, [worker for worker in live if queue.name in worker.queues], now) for queue in all_queues]


def _state(queue: Queue, workers: list[health.WorkerInfo], now: datetime) -> QueueState:
    started = [worker.since for worker in workers if worker.since]
    return QueueState(
        name=queue.name,
        jobs=len(queue),
        failed=queue.failed_job_registry.count,
        oldest_age=_oldest_age(queue, now),
        workers=len(workers),
        worker_started_at=max(started, default=None),
    )


def _oldest_age(queue: Queue, now: datetime) -> float:
    # Workers take jobs from the front. One that was taken at this moment, or has an odd time, counts as new.
    for job in queue.get_job_ids(0, 1):
        enqueued_at = queue.connection.hget(Job.key_for(job), "enqueued_at")
        with contextlib.suppress(ValueError, TypeError):
            return max(0.0, (now - datetime.fromisoformat(as_text(enqueued_at or b""))).total_seconds())
    return 0.0
