"""Skipping of waiting deliveries when an announcement is stopped or withdrawn, and revoking claims on pause."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from ...models import Announcement, Delivery, DeliveryState, Incident, SkipReason
from .writer import skip, transition

# Rows per transaction: short transactions do not block the workers' writes.
_BATCH = 5_000


def skip_withdrawn(incident: Incident) -> int:
    """Skip everything that waits to be sent about an incident. Return the number of deliveries."""
    return skip(Delivery.objects.filter(announcement__update__incident=incident), SkipReason.WITHDRAWN)


def skip_waiting(announcement_id: int) -> int:
    """Skip waiting deliveries of a stopped announcement, in batches, leaving out rows that a worker has locked."""
    skipped = 0
    while batch := _skip_batch(announcement_id):
        skipped += batch
    return skipped


def skip_stopped() -> int:
    """Skip deliveries that were in flight when their announcement was stopped, and wait again. Return their number."""
    waiting = Delivery.objects.waiting().filter(announcement=OuterRef("pk"))
    stopped = Announcement.objects.filter(Exists(waiting), stopped_at__isnull=False).order_by("pk")
    return sum(skip_waiting(pk) for pk in stopped.values_list("pk", flat=True))


def skip_superseded(announcement: Announcement) -> int:
    """Skip waiting deliveries of earlier announcements to the recipients of this one, which repeats their updates."""
    earlier = Announcement.objects.repeated_by(announcement)
    notified_now = Delivery.objects.filter(
        announcement=announcement, subscriber=OuterRef("subscriber"), state=DeliveryState.QUEUED
    )
    # The ids are put into the statement: with a join PostgreSQL would compare all rows with all rows.
    rows = Delivery.objects.filter(Exists(notified_now), announcement__in=list(earlier.values_list("pk", flat=True)))
    return skip(rows, SkipReason.SUPERSEDED)


@transaction.atomic
def revoke_claims(announcement_id: int) -> None:
    """End the claims on deliveries that are not in flight yet, so that no worker sends them."""
    claimed = Delivery.objects.waiting().filter(announcement=announcement_id, holder__isnull=False)
    ids = list(claimed.order_by().select_for_update(skip_locked=True).values_list("pk", flat=True))
    Delivery.objects.waiting().filter(pk__in=ids).update(holder=None, claimed_at=None)


@transaction.atomic
def _skip_batch(announcement_id: int) -> int:
    rows = Delivery.objects.waiting().filter(announcement=announcement_id).order_by("next_attempt_at")
    ids = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_BATCH])
    return transition(Delivery.objects.filter(pk__in=ids), DeliveryState.SKIPPED, skip_reason=SkipReason.CANCELLED)
