"""Puts letters into the ledger, tells the queue that there is work, and finds work that the queue has lost.

PostgreSQL holds the truth. A job says only “look”, so one too many does no harm and
one lost is made good by `sweep`.
"""

import logging
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from ..models import Delivery, DeliveryState, Subscriber
from ..models.ids import new_id
from . import claims, destinations, pauses
from .channels.email import destination, relay_name
from .ledger import move
from .worker import MailWorker

logger = logging.getLogger(__name__)

_QUEUE = "delivery"
_JOB = "incidents.notifications.jobs.deliver"
# A worker may wait ten minutes for one reply; after this RQ may think what it likes.
_JOB_SECONDS = 3600
# Staff who publish, and readers who sign up, must not wait for a queue that is away.
_QUEUE_TIMEOUT = 1
# Jobs that begin on an announcement at once; more would only share the same relay.
_MOST_JOBS = 4


def queue_letter(subscriber: Subscriber, letter: Delivery.Letter | str) -> Delivery:
    """A letter of our own accord to one subscriber; sent once the transaction has committed."""
    row = Delivery.objects.create(
        subscriber=subscriber,
        letter=letter,
        language=subscriber.reading_language,
        destination=destination(subscriber.address),
        message_id=f"<{new_id()}.{subscriber.pk}@{settings.SITE_HOST}>",
        dated_at=timezone.now().replace(microsecond=0),
    )
    transaction.on_commit(lambda: enqueue(None, 1))
    return row


def enqueue(announcement_id: int | None, rows: int) -> bool:
    """Tells the workers that `rows` deliveries wait. False if the queue is away: the sweep tells them later."""
    batch = settings.LEDGER_BATCH
    try:
        for _ in range(min(-(-rows // batch), _MOST_JOBS)):
            _queue().enqueue(_JOB, announcement_id, batch, job_timeout=_JOB_SECONDS, result_ttl=0, failure_ttl=86_400)
    except RedisError as error:
        logger.warning("The queue does not answer, so letters wait for the next sweep: %s", error)
        return False
    return True


def work(announcement_id: int | None, batch: int) -> None:
    """What a job does."""
    if MailWorker(announcement_id, batch).run():
        enqueue(announcement_id, 1)
    else:
        claims.forget_orphans(announcement_id, timezone.now())


def sweep(now: datetime) -> None:
    """Finds what nobody works on: letters left on the wire by a dead worker, and due ones without a job."""
    recover_abandoned(now)
    if _is_work_queued():
        return
    for announcement_id in waiting_for_a_job(now):
        if not enqueue(announcement_id, 1):
            return


def recover_abandoned(now: datetime) -> int:
    """A worker that died with a letter on the wire cannot say whether it arrived; nor can we."""
    died = "The worker stopped while it sent this letter."
    rows = Delivery.objects.abandoned(now)
    if not settings.RESEND_UNCERTAIN:
        return move(rows, DeliveryState.FAILED, reply=died)
    too_old = move(rows.filter(created_at__lt=now - pauses.RETRY_FOR), DeliveryState.FAILED, reply=died)
    again = {"next_attempt_at": now + timedelta(minutes=5), "times_uncertain": F("times_uncertain") + 1}
    return too_old + move(rows, DeliveryState.UNCERTAIN, reply=died, **again)


def waiting_for_a_job(now: datetime) -> list[int | None]:
    """Announcements with something due that a worker could send now; None first, for the letters without one."""
    if relay_name() in set(destinations.names_in_trouble()) - set(destinations.due_for_a_probe(now)):
        return []
    closed = set(destinations.names_in_trouble()) - set(destinations.due_for_a_probe(now))
    due = Delivery.objects.due(now).exclude(destination__in=closed)
    ids = set(due.order_by().values_list("announcement", flat=True).distinct())
    return sorted(ids, key=lambda pk: (pk is not None, pk or 0))


def _is_work_queued() -> bool:
    try:
        return len(_queue()) > 0
    except RedisError:
        return False


@cache
def _queue() -> Queue:
    """Our own connection to the queue: one that gives up at once rather than wait."""
    url, at_once = str(settings.RQ_QUEUES[_QUEUE]["URL"]), Retry(NoBackoff(), 0)
    return Queue(
        _QUEUE,
        connection=Redis.from_url(
            url, socket_connect_timeout=_QUEUE_TIMEOUT, socket_timeout=_QUEUE_TIMEOUT, retry=at_once
        ),
    )
