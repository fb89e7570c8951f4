"""Puts letters into the ledger, tells the queue that there is work, and finds work that the queue has lost.

PostgreSQL holds the truth. A job says only “look”, so one too many does no harm and
one lost is made good by `sweep`.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ..models import Delivery, DeliveryState, Destination, Subscriber
from . import claims, letters, pauses, queues
from .channels.email import relay_name
from .ledger import move
from .poster import PostWorker
from .queues import MAILS, POSTS
from .worker import MailWorker

_JOB = "incidents.notifications.jobs.deliver"
_POST_JOB = "incidents.notifications.jobs.post"
# Jobs that begin on an announcement at once; more would only share the same relay.
_MOST_JOBS = 4


def queue_letter(subscriber: Subscriber, letter: Delivery.Letter | str) -> Delivery:
    """A letter of our own accord to one subscriber; sent once the transaction has committed."""
    row = letters.write(subscriber, letter)
    transaction.on_commit(enqueue_posts if row.channel != Subscriber.Channel.EMAIL else lambda: enqueue(None, 1))
    return row


def enqueue(announcement_id: int | None, rows: int) -> bool:
    """Tells the workers that `rows` mails wait. False if the queue is away: the sweep tells them later."""
    batch = settings.LEDGER_BATCH
    return queues.put(MAILS, _JOB, announcement_id, batch, times=min(-(-rows // batch), _MOST_JOBS))


def enqueue_posts() -> bool:
    """The same for what goes to webhooks and chats, whichever announcement it is of."""
    return queues.put(POSTS, _POST_JOB)


def enqueue_announcement(announcement_id: int, rows: int) -> None:
    """Tells the workers of each channel that some of these `rows` wait for them."""
    enqueue(announcement_id, rows)
    if Delivery.objects.waiting().posted().filter(announcement=announcement_id).exists():
        enqueue_posts()


def work(announcement_id: int | None, batch: int) -> None:
    """What a job does."""
    if MailWorker(announcement_id, batch).run():
        enqueue(announcement_id, 1)
    else:
        claims.forget_orphans(announcement_id, timezone.now())


def work_posts() -> None:
    """What a job for posts does."""
    if PostWorker().run():
        enqueue_posts()


def sweep(now: datetime) -> None:
    """Finds what nobody works on: letters left on the wire by a dead worker, and due ones without a job."""
    recover_abandoned(now)
    if not queues.is_waiting(POSTS) and are_posts_due(now):
        enqueue_posts()
    if queues.is_waiting(MAILS):
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
    closed = Destination.objects.closed(now).names()
    if relay_name() in closed:
        return []
    due = Delivery.objects.due(now).by_mail().exclude(destination__in=closed)
    ids = set(due.order_by().values_list("announcement", flat=True).distinct())
    return sorted(ids, key=lambda pk: (pk is not None, pk or 0))


def are_posts_due(now: datetime) -> bool:
    closed = Destination.objects.closed(now).names()
    return Delivery.objects.due(now).posted().exclude(destination__in=closed).exists()
