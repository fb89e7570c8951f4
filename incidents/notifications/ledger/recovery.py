"""Recovery of work that the queue or a worker has lost. The scheduler calls `sweep`; extra jobs are harmless."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from ...models import Delivery, DeliveryState, Destination
from .. import queues
from ..addressing import relay_name
from ..queues import EMAILS, MESSAGES, POSTS
from . import backoff
from .writer import transition


def sweep(now: datetime) -> None:
    """Recover deliveries that a dead worker left in flight, and enqueue jobs for due ones that have none."""
    recover_abandoned(now)
    if not queues.is_waiting(POSTS) and are_posts_due(now):
        queues.enqueue_posts()
    if not queues.is_waiting(MESSAGES) and are_messages_due(now):
        queues.enqueue_messages()
    if queues.is_waiting(EMAILS):
        return
    for announcement_id in announcements_due(now):
        if not queues.enqueue_emails(announcement_id, 1):
            return


def recover_abandoned(now: datetime) -> int:
    """End deliveries that a dead worker left in flight. Nothing shows whether their messages arrived."""
    died = "The worker stopped while sending this message."
    rows = Delivery.objects.abandoned(now)
    if not settings.RESEND_UNCERTAIN:
        return transition(rows, DeliveryState.FAILED, reply=died)
    too_old = transition(rows.filter(created_at__lt=now - backoff.RETRY_FOR), DeliveryState.FAILED, reply=died)
    again = {"next_attempt_at": now + timedelta(minutes=5), "times_uncertain": F("times_uncertain") + 1}
    return too_old + transition(rows, DeliveryState.UNCERTAIN, reply=died, **again)


def announcements_due(now: datetime) -> list[int]:
    """Return the announcements with emails that could be sent now."""
    return sorted(pk for pk in _emails_due(now) if pk is not None)


def are_messages_due(now: datetime) -> bool:
    """Whether single messages could be sent by email now."""
    return None in _emails_due(now)


def _emails_due(now: datetime) -> set[int | None]:
    # Return the announcements of emails that could be sent now; None stands for single messages.
    closed = Destination.objects.closed(now).names()
    if relay_name() in closed:
        return set()
    due = Delivery.objects.due(now).by_mail().exclude(destination__in=closed)
    return set(due.order_by().values_list("announcement", flat=True).distinct())


def are_posts_due(now: datetime) -> bool:
    closed = Destination.objects.closed(now).names()
    return Delivery.objects.due(now).posted().exclude(destination__in=closed).exists()
