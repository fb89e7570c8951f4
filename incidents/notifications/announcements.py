"""The outbox: who decides that subscribers hear of an update, and when it is let go.

`announce` and its siblings run inside the transaction of the verb that calls them.
Until the hold is over staff can take an announcement back; then the clock's
`release_due` expands it, once, into deliveries.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from ..models import Announcement, Delivery, DeliveryState, Incident, SkipReason, StaleSubject, Update
from . import audience, claims, delivery
from .ledger import move

logger = logging.getLogger(__name__)


def announce(update: Update) -> Announcement:
    """Notes that subscribers hear of this update once the hold is over."""
    return _outbox(update, Announcement.Reason.UPDATE)


def announce_correction(update: Update) -> Announcement:
    """Notes that subscribers hear of the corrected words; a first announcement still held says them anyway."""
    held = Announcement.objects.filter(update=update, expanded_at__isnull=True, cancelled_at__isnull=True).first()
    return held or _outbox(update, Announcement.Reason.CORRECTION)


def _outbox(update: Update, reason: Announcement.Reason) -> Announcement:
    now = timezone.now()
    return Announcement.objects.create(
        update=update, reason=reason, created_at=now, hold_until=now + timedelta(seconds=settings.ANNOUNCEMENT_HOLD)
    )


def cancel(announcement: Announcement) -> bool:
    """Takes an announcement back during its hold; False where it had been let go already."""
    held = Announcement.objects.filter(pk=announcement.pk, expanded_at__isnull=True, cancelled_at__isnull=True)
    return bool(held.update(cancelled_at=timezone.now()))


@transaction.atomic
def withdraw_announcements(incident: Incident) -> int:
    """Nobody more is told of this incident. Returns how many waiting deliveries are skipped for it."""
    Announcement.objects.filter(update__incident=incident, expanded_at__isnull=True, cancelled_at__isnull=True).update(
        cancelled_at=timezone.now()
    )
    waiting = Delivery.objects.filter(announcement__update__incident=incident)
    return move(waiting, DeliveryState.SKIPPED, skip_reason=SkipReason.WITHDRAWN)


def pause(announcement: Announcement) -> None:
    """Nothing more is sent until `resume`: what workers hold is taken from them, what is on the wire arrives."""
    Announcement.objects.filter(pk=announcement.pk, paused_at__isnull=True).update(paused_at=timezone.now())
    Delivery.objects.waiting().filter(announcement=announcement).update(lease_until=None)


def resume(announcement: Announcement) -> None:
    Announcement.objects.filter(pk=announcement.pk).update(paused_at=None)
    transaction.on_commit(lambda: delivery.enqueue(announcement.pk, 1))


def stop(announcement: Announcement) -> int:
    """Those who have not been told yet are not told. Returns how many they are."""
    return move(
        Delivery.objects.filter(announcement=announcement), DeliveryState.SKIPPED, skip_reason=SkipReason.CANCELLED
    )


def resend_failed(announcement: Announcement) -> int:
    """The failed ones, and only those, are tried again."""
    failed = Delivery.objects.filter(announcement=announcement, state=DeliveryState.FAILED)
    count = move(failed, DeliveryState.QUEUED, next_attempt_at=timezone.now(), attempts=0, times_uncertain=0)
    transaction.on_commit(lambda: delivery.enqueue(announcement.pk, count))
    return count


def release_due(now: datetime) -> int:
    """Expands every announcement whose hold is over and whose page is written; returns how many."""
    due = Announcement.objects.filter(hold_until__lte=now, expanded_at__isnull=True, cancelled_at__isnull=True)
    return sum(_release(pk, now) for pk in due.order_by("id").values_list("id", flat=True))


def _release(pk: int, now: datetime) -> bool:
    """One that fails is logged and tried again at the next beat; it stops no other."""
    try:
        with transaction.atomic():
            return _expand(pk, now)
    except DatabaseError:
        logger.exception("Announcement %s could not be expanded", pk)
        return False


def _expand(pk: int, now: datetime) -> bool:
    """Locked, so that two clocks expand once, and an undo comes either before or too late."""
    waiting = Announcement.objects.filter(pk=pk, expanded_at__isnull=True, cancelled_at__isnull=True)
    announcement = waiting.select_for_update(skip_locked=True, of=("self",)).select_related("update__incident").first()
    if announcement is None or _is_unwritten(announcement.update.incident):
        return False
    rows = audience.expand(announcement, now)
    claims.supersede(announcement)
    announcement.expanded_at = now
    announcement.save(update_fields=["expanded_at"])
    transaction.on_commit(lambda: delivery.enqueue(pk, rows))
    return True


def _is_unwritten(incident: Incident) -> bool:
    """Publish first, then tell: the page that the letter links to must be there."""
    return StaleSubject.objects.filter(subject__in=[f"incident:{incident.pk}", "page"]).exists()
