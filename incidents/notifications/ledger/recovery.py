"""Recovery of work that the queue or a worker has lost. The scheduler calls `sweep`; extra jobs are harmless."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from ...models import Delivery, DeliveryState, Destination
from ...models.deliveries import DeliveryQuerySet
from .. import queues
from ..addressing import relay_name
from ..queues import EMAILS, MESSAGES, POSTS
from . import backoff, destinations, holders
from .writer import transition

_DIED = "The worker stopped while sending this message."
# Delays before a message is sent again that was in flight when its worker died, for the first, second and third
# time. After that the message may be what kills the worker.
_RESEND_AFTER = (timedelta(), timedelta(minutes=5), timedelta(minutes=30))


def sweep(now: datetime) -> None:
    """Recover what dead workers left behind, and enqueue jobs for due deliveries that have none."""
    recover_abandoned(now)
    destinations.give_up_exhausted(now)
    if not queues.is_waiting(POSTS) and are_posts_due(now):
        queues.enqueue_posts()
    due = _emails_due(now)
    if None in due and not queues.is_waiting(MESSAGES):
        queues.enqueue_messages()
    if queues.is_waiting(EMAILS):
        return
    for announcement_id in sorted(pk for pk in due if pk is not None):
        if not queues.enqueue_emails(announcement_id, 1):
            return


def recover_abandoned(now: datetime) -> int:
    """Free what dead workers had claimed, and end what they had in flight; return how many were in flight.

    Nothing shows whether messages in flight have arrived.
    """
    holders.remove_dead(now)
    dead = holders.without_row()
    if not dead:
        return 0
    Destination.objects.filter(prober__in=dead).update(prober=None)
    left_behind = Delivery.objects.filter(holder__in=dead)
    left_behind.waiting().update(holder=None, claimed_at=None)
    return _end_in_flight(left_behind.filter(state=DeliveryState.SENDING), now)


def _end_in_flight(rows: DeliveryQuerySet, now: datetime) -> int:
    if not settings.RESEND_UNCERTAIN:
        return transition(rows, DeliveryState.FAILED, reply=_DIED)
    hopeless = rows.filter(times_uncertain__gte=len(_RESEND_AFTER))
    ended = transition(rows.tried_since_before(now - backoff.RETRY_FOR), DeliveryState.FAILED, reply=_DIED)
    ended += transition(hopeless, DeliveryState.FAILED, reply=_DIED)
    for times, delay in enumerate(_RESEND_AFTER):
        again = {"next_attempt_at": now + delay, "times_uncertain": F("times_uncertain") + 1}
        ended += transition(rows.filter(times_uncertain=times), DeliveryState.UNCERTAIN, reply=_DIED, **again)
    return ended


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
