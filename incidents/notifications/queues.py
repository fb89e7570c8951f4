"""The RQ queues. PostgreSQL holds what is to be done; a job says only that there is work.

So a job too many does no harm, and the scheduler makes good for one that was lost.
"""

import logging
from functools import cache

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from ..models import Delivery

logger = logging.getLogger(__name__)

MAILS = "delivery"
POSTS = "posts"  # a queue of its own: no mail waits behind a slow webhook
REQUESTS = "requests"  # what readers ask for on the public forms; workers take it up after announcements
ALL = (MAILS, POSTS, REQUESTS)

_DELIVER = "incidents.notifications.jobs.deliver"
_POST = "incidents.notifications.jobs.post"
# Jobs that begin on an announcement at once; more would only share the same relay.
_MOST_JOBS = 4
# A worker may wait ten minutes for one reply; a job that takes longer than this is lost.
_JOB_SECONDS = 3600
# Staff who publish, and readers who sign up, do not wait for a queue that is away.
_TIMEOUT = 1


def enqueue_announcement(announcement_id: int, rows: int) -> None:
    """Tells the workers of each channel that some of these `rows` wait for them."""
    enqueue_mails(announcement_id, rows)
    if Delivery.objects.waiting().posted().filter(announcement=announcement_id).exists():
        enqueue_posts()


def enqueue_mails(announcement_id: int | None, rows: int) -> bool:
    """Tells the workers that `rows` mails wait. False if the queue does not answer: the scheduler repeats it."""
    batch = settings.LEDGER_BATCH
    return put(MAILS, _DELIVER, announcement_id, batch, times=min(-(-rows // batch), _MOST_JOBS))


def enqueue_posts() -> bool:
    """The same for what goes to webhooks and chats, of all announcements."""
    return put(POSTS, _POST)


def put(name: str, job: str, *arguments: object, times: int = 1) -> bool:
    """Enqueue the function with the dotted path `job`; False if the queue does not answer."""
    try:
        for _ in range(times):
            queue(name).enqueue(job, *arguments, job_timeout=_JOB_SECONDS, result_ttl=0, failure_ttl=86_400)
    except RedisError as error:
        logger.warning("The queue does not answer, so work waits for the scheduler: %s", error)
        return False
    return True


def is_waiting(name: str) -> bool:
    """Whether a job waits that no worker has taken up; False if the queue does not answer."""
    try:
        return len(queue(name)) > 0
    except RedisError:
        return False


@cache
def queue(name: str) -> Queue:
    """The queue, on a connection that gives up at once instead of trying again."""
    url, at_once = str(settings.RQ_QUEUES[name]["URL"]), Retry(NoBackoff(), 0)
    redis = Redis.from_url(url, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT, retry=at_once)
    return Queue(name, connection=redis)
