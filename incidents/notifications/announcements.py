"""The outbox: who decides that subscribers hear of an update, and when it is let go.

`announce` and its siblings run inside the transaction of the verb that calls them.
Until the hold is over staff can take an announcement back; then the clock's
`release_due` expands it, once, into deliveries.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import MOVES, Announcement, Delivery, DeliveryState, Incident, SkipReason, Update

_SKIPPABLE = [state for state, targets in MOVES.items() if DeliveryState.SKIPPED in targets and state != DeliveryState.SENDING]


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
    Announcement.objects.filter(
        update__incident=incident, expanded_at__isnull=True, cancelled_at__isnull=True
    ).update(cancelled_at=timezone.now())
    waiting = Delivery.objects.filter(announcement__update__incident=incident, state__in=_SKIPPABLE)
    return waiting.update(state=DeliveryState.SKIPPED, skip_reason=SkipReason.WITHDRAWN)
