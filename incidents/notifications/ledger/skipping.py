"""Takes back what has not been sent: when an announcement is paused, stopped or withdrawn."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from ...models import Announcement, Delivery, DeliveryState, Incident, SkipReason
from .writer import transition

# Rows that one transaction skips: soon over, so that workers can go on writing.
_BATCH = 5_000


def skip_withdrawn(incident: Incident) -> int:
    """Skips what waits to be sent about an incident. Returns how many deliveries."""
    waiting = Delivery.objects.filter(announcement__update__incident=incident)
    return transition(waiting, DeliveryState.SKIPPED, skip_reason=SkipReason.WITHDRAWN)


def skip_waiting(announcement_id: int) -> int:
    """Skips what waits of a stopped announcement, in batches, around the rows that a worker is writing."""
    skipped = 0
    while batch := _skip_batch(announcement_id):
        skipped += batch
    return skipped


def skip_stopped() -> int:
    """Skips what was in flight when its announcement was stopped, and failed since. Returns how many."""
    left = Delivery.objects.waiting().filter(announcement=OuterRef("pk"))
    stopped = Announcement.objects.filter(Exists(left), stopped_at__isnull=False).order_by("pk")
    return sum(skip_waiting(pk) for pk in stopped.values_list("pk", flat=True))


@transaction.atomic
def take_from_workers(announcement_id: int) -> None:
    """Ends the claims on what is not in flight yet: no worker sends it."""
    claimed = Delivery.objects.waiting().filter(announcement=announcement_id, lease_until__isnull=False)
    ids = list(claimed.order_by().select_for_update(skip_locked=True).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(lease_until=None)


@transaction.atomic
def _skip_batch(announcement_id: int) -> int:
    rows = Delivery.objects.waiting().filter(announcement=announcement_id).order_by("next_attempt_at")
    ids = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_BATCH])
    return transition(Delivery.objects.filter(pk__in=ids), DeliveryState.SKIPPED, skip_reason=SkipReason.CANCELLED)
