"""Finds work that the queue or a worker has lost. The scheduler calls `sweep`; too many jobs do no harm."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from ...models import Delivery, DeliveryState, Destination
from .. import queues
from ..addressing import relay_name
from ..queues import MAILS, POSTS
from . import backoff
from .writer import transition


def sweep(now: datetime) -> None:
    """Finds what nobody works on: letters left on the wire by a dead worker, and due ones without a job."""
    recover_abandoned(now)
    if not queues.is_waiting(POSTS) and are_posts_due(now):
        queues.enqueue_posts()
    if queues.is_waiting(MAILS):
        return
    for announcement_id in waiting_for_a_job(now):
        if not queues.enqueue_mails(announcement_id, 1):
            return


def recover_abandoned(now: datetime) -> int:
    """A worker that died with a letter on the wire cannot say whether it arrived; nor can we."""
    died = "The worker stopped while it sent this letter."
    rows = Delivery.objects.abandoned(now)
    if not settings.RESEND_UNCERTAIN:
        return transition(rows, DeliveryState.FAILED, reply=died)
    too_old = transition(rows.filter(created_at__lt=now - backoff.RETRY_FOR), DeliveryState.FAILED, reply=died)
    again = {"next_attempt_at": now + timedelta(minutes=5), "times_uncertain": F("times_uncertain") + 1}
    return too_old + transition(rows, DeliveryState.UNCERTAIN, reply=died, **again)


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
