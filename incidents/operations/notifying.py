"""Verbs for announcements: cancel while held; pause, resume, stop and resend once released."""

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..models import Announcement, Delivery, DeliveryState, Incident, Update
from ..notifications import queues
from ..notifications.ledger import skipping
from ..notifications.ledger.writer import transition


def cancel_announcement(*, announcement: Announcement) -> bool:
    """Cancels an announcement during its hold; False where it was released or cancelled already."""
    held = Announcement.objects.held().filter(pk=announcement.pk)
    return bool(held.update(cancelled_at=timezone.now()))


def cancel_announcements_of(update: Update) -> bool:
    """Cancels what is held of an update; False, and nothing is done, where any of it was released already."""
    of_it = Announcement.objects.select_for_update().filter(update=update, cancelled_at__isnull=True)
    held = list(of_it)
    if not held or any(one.expanded_at for one in held):
        return False
    of_it.update(cancelled_at=timezone.now())
    return True


@transaction.atomic
def withdraw_announcements_of(incident: Incident) -> int:
    """Nothing more is sent about this incident. Returns how many waiting deliveries are skipped."""
    Announcement.objects.held().filter(update__incident=incident).update(cancelled_at=timezone.now())
    return skipping.skip_withdrawn(incident)


def pause_announcement(*, announcement: Announcement) -> bool:
    """Nothing more is sent until it is resumed; what is in flight still arrives. False if it was paused already."""
    going = Announcement.objects.filter(pk=announcement.pk, cancelled_at__isnull=True, paused_at__isnull=True)
    paused = bool(going.update(paused_at=timezone.now()))
    skipping.revoke_claims(announcement.pk)
    return paused


def resume_announcement(*, announcement: Announcement) -> bool:
    """False for an announcement that is not paused, or is stopped for good."""
    paused = Announcement.objects.filter(pk=announcement.pk, paused_at__isnull=False, stopped_at__isnull=True)
    resumed = bool(paused.update(paused_at=None))
    transaction.on_commit(lambda: queues.enqueue_announcement(announcement.pk, 1))
    return resumed


def stop_announcement(*, announcement: Announcement) -> int:
    """Everybody who has not been notified yet is skipped. Returns how many.

    What is in flight arrives, or fails and is skipped by the scheduler.
    """
    if cancel_announcement(announcement=announcement):
        return 0
    running = Announcement.objects.released().filter(pk=announcement.pk, stopped_at__isnull=True)
    now = timezone.now()
    running.update(stopped_at=now, paused_at=Coalesce("paused_at", Value(now)))
    return skipping.skip_waiting(announcement.pk)


def resend_failed(*, announcement: Announcement) -> int:
    """Sends the failed deliveries again, and only those. Returns how many; none of a stopped announcement."""
    if Announcement.objects.filter(pk=announcement.pk, stopped_at__isnull=False).exists():
        return 0
    failed = Delivery.objects.filter(announcement=announcement, state=DeliveryState.FAILED)
    count = transition(failed, DeliveryState.QUEUED, next_attempt_at=timezone.now(), attempts=0, times_uncertain=0)
    transaction.on_commit(lambda: queues.enqueue_announcement(announcement.pk, count))
    return count
