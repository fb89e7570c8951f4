"""The RQ queues. PostgreSQL records what is due; a job only wakes a worker.

An extra job is therefore harmless, and the scheduler replaces one that was lost. A
worker takes jobs in the order of its queues: `rqworker delivery messages requests`
sends announcements first. Jobs of the other two are short, so that an announcement
does not wait for them.
"""

import logging
from functools import cache

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from .. import log_context, outages
from ..models import Delivery

logger = logging.getLogger(__name__)

EMAILS = "delivery"  # of announcements
MESSAGES = "messages"  # single messages, such as confirmations
POSTS = "posts"  # separate, so that no email waits behind a slow webhook
REQUESTS = "requests"  # from the public forms
ALL = (EMAILS, MESSAGES, POSTS, REQUESTS)

_DELIVER = "incidents.notifications.jobs.deliver"
_SEND_MESSAGES = "incidents.notifications.jobs.send_messages"
_POST = "incidents.notifications.jobs.post"
PROCESS_REQUESTS = "incidents.subscriptions.jobs.process_requests"
JOBS = frozenset({_DELIVER, _SEND_MESSAGES, _POST, PROCESS_REQUESTS})  # all that workers run
REQUEST_ID = "request_id"  # in a job's meta: the request that enqueued it, for the logs
# Jobs per announcement that start at the same time; more would only share the same relay.
_MAX_JOBS = 4
# A worker may wait ten minutes for one reply; RQ counts a job that takes longer than this as failed.
_JOB_TIMEOUT = 3600
# Seconds. A queue that does not respond must not delay staff who publish or readers who subscribe.
_TIMEOUT = 1


def enqueue_announcement(announcement_id: int, rows: int) -> None:
    """Enqueue jobs for an announcement with `rows` deliveries, on the queue of each channel that it needs."""
    enqueue_emails(announcement_id, rows)
    if Delivery.objects.waiting().posted().filter(announcement=announcement_id).exists():
        enqueue_posts()


def enqueue_emails(announcement_id: int, rows: int) -> bool:
    """Enqueue jobs for `rows` emails. Return False if the queue is down: the scheduler enqueues them later."""
    batch = settings.LEDGER_BATCH
    return enqueue(EMAILS, _DELIVER, announcement_id, batch, times=min(-(-rows // batch), _MAX_JOBS))


def enqueue_messages() -> bool:
    """Enqueue a job for the single messages that are due, unless one is waiting: it will find these too."""
    return is_waiting(MESSAGES) or enqueue(MESSAGES, _SEND_MESSAGES)


def enqueue_posts() -> bool:
    """Enqueue a job for everything that is due for webhooks and chats, of all announcements."""
    return enqueue(POSTS, _POST)


def enqueue(name: str, job: str, *arguments: int, times: int = 1) -> bool:
    """Enqueue one of JOBS. Return False if the queue does not respond."""
    request = log_context.request_id()
    meta = {REQUEST_ID: request} if request else None
    try:
        for _ in range(times):
            queue(name).enqueue(job, *arguments, job_timeout=_JOB_TIMEOUT, result_ttl=0, failure_ttl=86_400, meta=meta)
    except RedisError as error:
        message = "The queue is not responding; the scheduler will enqueue the work later: %s"
        logger.warning(message, error, extra=outages.ABOUT_QUEUE)
        return False
    outages.is_over(outages.QUEUE)
    return True


def is_waiting(name: str) -> bool:
    """Whether a job waits for a worker; False if the queue does not respond."""
    try:
        return len(queue(name)) > 0
    except RedisError:
        return False


@cache
def queue(name: str) -> Queue:
    """Return the queue, on a connection that fails at once instead of retrying."""
    url, no_retry = str(settings.RQ_QUEUES[name]["URL"]), Retry(NoBackoff(), 0)
    redis = Redis.from_url(url, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT, retry=no_retry)
    return Queue(name, connection=redis, serializer=JSONSerializer)
