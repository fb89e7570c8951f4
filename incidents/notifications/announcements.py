"""The outbox: who decides that subscribers hear of an update, and when it is let go.

`announce` and its siblings run inside the transaction of the verb that calls them.
Until the hold is over staff can take an announcement back; then the clock's
`release_due` expands it, once, into deliveries.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..models import Announcement, Delivery, DeliveryState, Incident, SkipReason, StaleSubject, Update
from . import audience, claims, delivery
from .ledger import move

logger = logging.getLogger(__name__)

# Rows that one transaction skips: soon over, so that workers can go on writing.
_BATCH = 5_000


def announce(update: Update) -> Announcement:
    """Notes that subscribers hear of this update once the hold is over."""
    return _outbox(update, Announcement.Reason.UPDATE)


def announce_correction(update: Update) -> Announcement:
    """Notes that subscribers hear of the corrected words; a first announcement still held says them anyway."""
    held = Announcement.objects.held().filter(update=update).first()
    return held or _outbox(update, Announcement.Reason.CORRECTION)


def _outbox(update: Update, reason: Announcement.Reason) -> Announcement:
    now = timezone.now()
    return Announcement.objects.create(
        update=update, reason=reason, created_at=now, hold_until=now + timedelta(seconds=settings.ANNOUNCEMENT_HOLD)
    )


def cancel(announcement: Announcement) -> bool:
    """Takes an announcement back during its hold; False where it had been let go already."""
    held = Announcement.objects.held().filter(pk=announcement.pk)
    return bool(held.update(cancelled_at=timezone.now()))


def cancel_all(update: Update) -> bool:
    """Takes back what is held of an update; False, and nothing is done, where any of it was let go already."""
    of_it = Announcement.objects.select_for_update().filter(update=update, cancelled_at__isnull=True)
    held = list(of_it)
    if not held or any(one.expanded_at for one in held):
        return False
    of_it.update(cancelled_at=timezone.now())
    return True


@transaction.atomic
def withdraw_announcements(incident: Incident) -> int:
    """Nobody more is told of this incident. Returns how many waiting deliveries are skipped for it."""
    Announcement.objects.held().filter(update__incident=incident).update(cancelled_at=timezone.now())
    waiting = Delivery.objects.filter(announcement__update__incident=incident)
    return move(waiting, DeliveryState.SKIPPED, skip_reason=SkipReason.WITHDRAWN)


def pause(announcement: Announcement) -> bool:
    """Nothing more is sent until `resume`: what workers hold is taken from them, what is on the wire arrives."""
    going = Announcement.objects.filter(pk=announcement.pk, cancelled_at__isnull=True, paused_at__isnull=True)
    paused = bool(going.update(paused_at=timezone.now()))
    _take_from_workers(announcement.pk)
    return paused


def resume(announcement: Announcement) -> bool:
    """False for one that is not paused, or was stopped for good."""
    paused = Announcement.objects.filter(pk=announcement.pk, paused_at__isnull=False, stopped_at__isnull=True)
    resumed = bool(paused.update(paused_at=None))
    transaction.on_commit(lambda: delivery.enqueue_announcement(announcement.pk, 1))
    return resumed


def stop(announcement: Announcement) -> int:
    """Those who have not been told yet are not told. Returns how many they are.

    What is on the wire arrives, or comes back and is skipped by `finish_stopped`.
    """
    if cancel(announcement):
        return 0
    running = Announcement.objects.released().filter(pk=announcement.pk, stopped_at__isnull=True)
    now = timezone.now()
    running.update(stopped_at=now, paused_at=Coalesce("paused_at", Value(now)))
    return _skip_the_rest(announcement.pk)


def finish_stopped() -> int:
    """Skips what came back after its announcement was stopped; for the clock. Returns how many."""
    left = Delivery.objects.waiting().filter(announcement=OuterRef("pk"))
    stopped = Announcement.objects.filter(Exists(left), stopped_at__isnull=False).order_by("pk")
    return sum(_skip_the_rest(pk) for pk in stopped.values_list("pk", flat=True))


def _skip_the_rest(pk: int) -> int:
    """In batches, around the rows that a worker writes at this moment: nobody waits for anybody."""
    skipped = 0
    while batch := _skip_batch(pk):
        skipped += batch
    return skipped


@transaction.atomic
def _skip_batch(pk: int) -> int:
    rows = Delivery.objects.waiting().filter(announcement=pk).order_by("next_attempt_at")
    ids = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_BATCH])
    return move(Delivery.objects.filter(pk__in=ids), DeliveryState.SKIPPED, skip_reason=SkipReason.CANCELLED)


@transaction.atomic
def _take_from_workers(pk: int) -> None:
    held = Delivery.objects.waiting().filter(announcement=pk, lease_until__isnull=False)
    ids = list(held.order_by().select_for_update(skip_locked=True).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(lease_until=None)


def resend_failed(announcement: Announcement) -> int:
    """The failed ones, and only those, are tried again. Returns how many; none once the announcement is stopped."""
    if Announcement.objects.filter(pk=announcement.pk, stopped_at__isnull=False).exists():
        return 0
    failed = Delivery.objects.filter(announcement=announcement, state=DeliveryState.FAILED)
    count = move(failed, DeliveryState.QUEUED, next_attempt_at=timezone.now(), attempts=0, times_uncertain=0)
    transaction.on_commit(lambda: delivery.enqueue_announcement(announcement.pk, count))
    return count


def release_due(now: datetime) -> int:
    """Expands every announcement whose hold is over and whose page is written; returns how many."""
    due = Announcement.objects.held().filter(hold_until__lte=now)
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
    waiting = Announcement.objects.held().filter(pk=pk)
    announcement = waiting.select_for_update(skip_locked=True, of=("self",)).select_related("update__incident").first()
    if announcement is None or _is_unwritten(announcement.update.incident):
        return False
    rows = audience.expand(announcement, now)
    claims.supersede(announcement)
    announcement.expanded_at = now
    announcement.save(update_fields=["expanded_at"])
    transaction.on_commit(lambda: delivery.enqueue_announcement(pk, rows))
    return True


def _is_unwritten(incident: Incident) -> bool:
    """Publish first, then tell: the page that the letter links to must be there."""
    return StaleSubject.objects.filter(subject__in=[f"incident:{incident.pk}", "page"]).exists()
