"""Verbs for announcements: cancel while held; pause, resume, stop and resend once released."""

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..models import Announcement, ComponentUpdate, Delivery, DeliveryState, Incident, Update
from ..notifications import queues
from ..notifications.ledger import skipping
from ..notifications.ledger.writer import requeue
from ..staff import rights
from ..staff.actors import Actor
from .recording import verb, verb_of_deliveries


@verb
def cancel_announcement(*, announcement: Announcement, by: Actor) -> bool:
    """Cancel an announcement during its hold; False if it was released or cancelled already.

    The new component statuses of its update are not posted to webhooks either.
    """
    by.needs(rights.publish(announcement.update.incident.kind))
    cancelled = Announcement.objects.held().filter(pk=announcement.pk).update(cancelled_at=timezone.now())
    if cancelled:
        ComponentUpdate.objects.held().filter(update=announcement.update_id).update(cancelled_at=timezone.now())
    return bool(cancelled)


def cancel_announcements_of(update: Update) -> bool:
    """Cancel the held announcements of an update. If any was released already, do nothing and return False."""
    # Locked, so that none of them is released before this transaction ends.
    of_it = Announcement.objects.select_for_update().filter(update=update, cancelled_at__isnull=True)
    held = list(of_it)
    if not held or any(one.expanded_at for one in held):
        return False
    of_it.update(cancelled_at=timezone.now())
    return True


@transaction.atomic
def withdraw_announcements_of(incident: Incident) -> int:
    """Send nothing more about this incident. Return how many waiting deliveries are skipped."""
    Announcement.objects.held().filter(update__incident=incident).update(cancelled_at=timezone.now())
    return skipping.skip_withdrawn(incident)


@verb
def pause_announcement(*, announcement: Announcement, by: Actor) -> bool:
    """Send nothing more until it is resumed; what is in flight still arrives. False if it was paused already."""
    by.needs(rights.publish(announcement.update.incident.kind))
    going = Announcement.objects.filter(pk=announcement.pk, cancelled_at__isnull=True, paused_at__isnull=True)
    paused = bool(going.update(paused_at=timezone.now()))
    # Even if it was paused already: a worker may have claimed deliveries just before.
    skipping.revoke_claims(announcement.pk)
    return paused


@verb
def resume_announcement(*, announcement: Announcement, by: Actor) -> bool:
    """Continue a paused announcement; False if it is not paused, or stopped permanently."""
    by.needs(rights.publish(announcement.update.incident.kind))
    paused = Announcement.objects.filter(pk=announcement.pk, paused_at__isnull=False, stopped_at__isnull=True)
    resumed = bool(paused.update(paused_at=None))
    # Enqueue in any case: a job too many does no harm.
    transaction.on_commit(lambda: queues.enqueue_announcement(announcement.pk, 1))
    return resumed


@verb
def stop_announcement(*, announcement: Announcement, by: Actor) -> int:
    """Skip everybody who has not been notified yet. Return how many.

    What is in flight arrives, or fails and is skipped by the scheduler.
    """
    by.needs(rights.publish(announcement.update.incident.kind))
    if cancel_announcement(announcement=announcement, by=by):
        return 0
    running = Announcement.objects.released().filter(pk=announcement.pk, stopped_at__isnull=True)
    now = timezone.now()
    # Paused as well, so that what is in flight and fails is not sent again.
    running.update(stopped_at=now, paused_at=Coalesce("paused_at", Value(now)))
    return skipping.skip_waiting(announcement.pk)


@verb_of_deliveries
def resend_failed(*, announcement: Announcement, by: Actor) -> int:
    """Send the failed deliveries again, and only those. Return how many; none of a stopped announcement."""
    by.needs(rights.publish(announcement.update.incident.kind))
    if Announcement.objects.filter(pk=announcement.pk, stopped_at__isnull=False).exists():
        return 0
    failed = Delivery.objects.filter(announcement=announcement, state=DeliveryState.FAILED)
    count = requeue(failed, timezone.now())
    transaction.on_commit(lambda: queues.enqueue_announcement(announcement.pk, count))
    return count
