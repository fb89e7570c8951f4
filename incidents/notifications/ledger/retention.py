"""Retention: old deliveries are reduced to counts (P8).

Old bounces, attempts, component updates and destinations that have recovered are deleted.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef

from ...models import (
    Announcement,
    Attempt,
    Bounce,
    ComponentUpdate,
    Delivery,
    DeliveryState,
    Destination,
    FoldedDeliveries,
    RenderedPost,
)

BATCH = 2_000
_FINAL_STATES = [DeliveryState.SENT.value, DeliveryState.FAILED.value, DeliveryState.SKIPPED.value]

# One statement, so that each row is either present or counted, even if it is interrupted.
_FOLD = f"""
WITH gone AS (
    DELETE FROM {Delivery._meta.db_table} WHERE id IN (
        SELECT id FROM {Delivery._meta.db_table}
        WHERE announcement_id = %s AND state = ANY(%s) LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING announcement_id, state, skip_reason
), counted AS (
    INSERT INTO {FoldedDeliveries._meta.db_table} AS folded (announcement_id, state, skip_reason, number)
    SELECT announcement_id, state, skip_reason, count(*) FROM gone GROUP BY 1, 2, 3
    ON CONFLICT (announcement_id, state, skip_reason) DO UPDATE SET number = folded.number + excluded.number
)
SELECT count(*) FROM gone
"""  # noqa: S608 - own names only


def apply_retention(*, now: datetime, limit: int | None = None) -> int:
    """Replace finished deliveries older than DELIVERIES_KEPT_DAYS with counts; return how many.

    Bounces, attempts, bodies of posts, component updates and recovered destinations of that age are deleted. It stops
    after the batch that reaches `limit`. Each batch is short, and leaves out rows that others have locked.
    """
    before = now - timedelta(days=settings.DELIVERIES_KEPT_DAYS)
    Bounce.objects.filter(received_at__lt=before).delete()
    Attempt.objects.filter(at__lt=before).delete()
    RenderedPost.objects.filter(rendered_at__lt=before).delete()
    deleted = _delete_single_messages(before)
    _delete_component_updates(before)
    _delete_recovered_destinations(before)
    for pk in _old_announcements(before):
        while (limit is None or deleted < limit) and (batch := _fold_batch(pk)):
            deleted += batch
    return deleted


def _old_announcements(before: datetime) -> list[int]:
    # Asks once per announcement; a join would read all deliveries.
    finished = Exists(Delivery.objects.filter(announcement=OuterRef("pk"), state__in=_FINAL_STATES))
    old = Announcement.objects.filter(finished, created_at__lt=before).order_by("pk")
    return list(old.values_list("pk", flat=True))


def _fold_batch(pk: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [pk, _FINAL_STATES, BATCH])
        return int(cursor.fetchone()[0])


def _delete_single_messages(before: datetime) -> int:
    # Confirmations, component posts and the like are not counted, and there are few.
    old = Delivery.objects.filter(announcement__isnull=True, state__in=_FINAL_STATES, created_at__lt=before)
    return old.delete()[0]


def _delete_component_updates(before: datetime) -> None:
    # Those without deliveries; a post that still waits keeps its own.
    unused = ~Exists(Delivery.objects.filter(component_update=OuterRef("pk")))
    ComponentUpdate.objects.filter(unused, created_at__lt=before).delete()


def _delete_recovered_destinations(before: datetime) -> None:
    waiting = Exists(Delivery.objects.waiting().filter(destination=OuterRef("name")))
    Destination.objects.filter(~waiting, failing_since=None, updated_at__lt=before).delete()
