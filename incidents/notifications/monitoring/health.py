"""The health of the processes that notify subscribers: the scheduler, the queue and its workers.

The scheduler writes its heartbeat to PostgreSQL. RQ writes those of the workers to the
queue; `sender.rq_worker` makes it do so more often than by default.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from redis import RedisError, ResponseError
from rq import Queue, Worker

from ...models import Delivery, Heartbeat
from .. import queues
from ..queues import EMAILS, MESSAGES, POSTS, REQUESTS

SCHEDULER = "scheduler"
SCHEDULER_START = "scheduler start"
# Staff must notice within a minute; two heartbeats may be missed.
HEARTBEAT = timedelta(seconds=15)
STALE_AFTER = timedelta(seconds=45)


@dataclass(frozen=True)
class WorkerInfo:
    """A worker as RQ registers it."""

    name: str
    state: str
    host: str
    pid: int
    queues: tuple[str, ...]
    since: datetime | None
    seen_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.seen_at is not None and now - self.seen_at < STALE_AFTER


@dataclass(frozen=True)
class Health:
    """The state of these processes at one moment."""

    at: datetime
    scheduler_at: datetime | None
    queue_answers: bool = False
    workers: list[WorkerInfo] = field(default_factory=list)
    jobs_waiting: int = 0
    jobs_failed: int = 0
    posts_wait: bool = False

    @property
    def live_workers(self) -> list[WorkerInfo]:
        return [worker for worker in self.workers if worker.is_live(self.at)]

    @property
    def mail_workers(self) -> int:
        return sum(EMAILS in worker.queues for worker in self.live_workers)

    @property
    def message_workers(self) -> int:
        return sum(MESSAGES in worker.queues for worker in self.live_workers)

    @property
    def request_workers(self) -> int:
        return sum(REQUESTS in worker.queues for worker in self.live_workers)

    @property
    def webhook_workers(self) -> int:
        return sum(POSTS in worker.queues for worker in self.live_workers)

    @property
    def no_mail_worker(self) -> bool:
        return self.queue_answers and not self.mail_workers

    @property
    def no_message_worker(self) -> bool:
        """False if there is no worker for email at all, which is the worse condition."""
        return self.queue_answers and bool(self.mail_workers) and not self.message_workers

    @property
    def no_webhook_worker(self) -> bool:
        """Always false while no webhook post is waiting."""
        return self.queue_answers and self.posts_wait and not self.webhook_workers

    @property
    def scheduler_is_down(self) -> bool:
        return not is_recent(self.scheduler_at, self.at)


def record_heartbeat(name: str = SCHEDULER, at: datetime | None = None) -> None:
    Heartbeat.objects.record(name, at or timezone.now())


def last_heartbeat(name: str = SCHEDULER) -> datetime | None:
    return Heartbeat.objects.filter(name=name).values_list("beaten_at", flat=True).first()


def is_recent(heartbeat: datetime | None, now: datetime) -> bool:
    return heartbeat is not None and now - heartbeat <= STALE_AFTER


def queues_without_worker(now: datetime) -> list[str]:
    """Return the queues that no live worker serves; that of webhooks only while it has jobs. Raise RedisError."""
    live = [worker for name in queues.ALL for worker in workers_of(queues.queue(name)) if worker.is_live(now)]
    served = {name for worker in live for name in worker.queues}
    return [name for name in queues.ALL if name not in served and (name != POSTS or len(queues.queue(POSTS)))]


def check_health(now: datetime) -> Health:
    """Return the health, with two queries and a few requests to the queue. A queue that is down raises no error."""
    scheduler_at = last_heartbeat()
    posts_wait = Delivery.objects.waiting().posted().exists()
    all_queues = [queues.queue(name) for name in queues.ALL]
    try:
        known = {worker.name: worker for queue in all_queues for worker in workers_of(queue)}
        waiting, failed = sum(map(len, all_queues)), sum(queue.failed_job_registry.count for queue in all_queues)
    except RedisError:
        return Health(now, scheduler_at)
    return Health(now, scheduler_at, True, [known[name] for name in sorted(known)], waiting, failed, posts_wait)


def workers_of(queue: Queue) -> Iterator[WorkerInfo]:
    """Yield the workers of a queue. Anything with access to it can register one with odd values, which is left out."""
    for key in Worker.all_keys(queue=queue):
        with contextlib.suppress(ValueError, TypeError, OverflowError, ResponseError):
            worker = Worker.find_by_key(key, connection=queue.connection)
            if worker is not None:
                yield _worker_info(worker)


def _worker_info(worker: Any) -> WorkerInfo:
    return WorkerInfo(
        name=worker.name,
        state=str(worker.get_state()),
        host=worker.hostname or "",
        pid=worker.pid or 0,
        queues=tuple(worker.queue_names()),
        since=worker.birth_date,
        seen_at=worker.last_heartbeat,
    )
