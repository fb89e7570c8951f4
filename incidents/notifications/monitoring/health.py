"""Signs of life: whether somebody works on the queue, and whether the clock beats.

The clock writes its beat into PostgreSQL; workers have theirs in the queue, which RQ
writes for them, and far more often than it would by itself.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from redis import RedisError
from rq import Worker

from ...models import Delivery, Heartbeat
from .. import queues
from ..queues import MAILS, POSTS

CLOCK = "clock"
# Staff are to know within a minute: two beats may be missed.
BEAT = timedelta(seconds=15)
GONE_AFTER = timedelta(seconds=45)


class HeartbeatWorker(Worker):
    """RQ's worker, which shows every 15 s that it lives, also while it is idle; RQ's own is silent for minutes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "job_monitoring_interval": int(BEAT.total_seconds())})

    @property
    def dequeue_timeout(self) -> int:
        return int(BEAT.total_seconds())


@dataclass(frozen=True)
class WorkerInfo:
    """A worker as the queue knows it."""

    name: str
    state: str
    host: str
    pid: int
    queues: tuple[str, ...]
    since: datetime | None
    seen_at: datetime | None

    def lives(self, now: datetime) -> bool:
        return self.seen_at is not None and now - self.seen_at < GONE_AFTER


@dataclass(frozen=True)
class Health:
    """What is known of the processes that tell subscribers, at one moment."""

    at: datetime
    clock_at: datetime | None
    queue_answers: bool = False
    workers: list[WorkerInfo] = field(default_factory=list)
    jobs_waiting: int = 0
    jobs_failed: int = 0
    posts_wait: bool = False

    @property
    def living(self) -> list[WorkerInfo]:
        return [worker for worker in self.workers if worker.lives(self.at)]

    @property
    def mailing(self) -> int:
        return sum(MAILS in worker.queues for worker in self.living)

    @property
    def posting(self) -> int:
        return sum(POSTS in worker.queues for worker in self.living)

    @property
    def nobody_works(self) -> bool:
        return self.queue_answers and not self.mailing

    @property
    def nobody_posts(self) -> bool:
        """Of no concern where nobody subscribes by webhook."""
        return self.queue_answers and self.posts_wait and not self.posting

    @property
    def clock_stands(self) -> bool:
        return self.clock_at is None or self.at - self.clock_at > GONE_AFTER


def beat(name: str = CLOCK) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"beaten_at": timezone.now()})


def check_health(now: datetime) -> Health:
    """Two queries and a few words with the queue; a queue that is away is a finding and no error."""
    clock_at = Heartbeat.objects.filter(name=CLOCK).values_list("beaten_at", flat=True).first()
    posts_wait = Delivery.objects.waiting().posted().exists()
    all_queues = [queues.queue(name) for name in queues.ALL]
    try:
        known = {worker.name: _hand(worker) for queue in all_queues for worker in Worker.all(queue=queue)}
        waiting, failed = sum(map(len, all_queues)), sum(queue.failed_job_registry.count for queue in all_queues)
    except RedisError:
        return Health(now, clock_at)
    return Health(now, clock_at, True, [known[name] for name in sorted(known)], waiting, failed, posts_wait)


def _hand(worker: Any) -> WorkerInfo:
    return WorkerInfo(
        name=worker.name,
        state=str(worker.get_state()),
        host=worker.hostname or "",
        pid=worker.pid or 0,
        queues=tuple(worker.queue_names()),
        since=worker.birth_date,
        seen_at=worker.last_heartbeat,
    )
