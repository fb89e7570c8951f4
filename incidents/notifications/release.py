"""Release of announcements and component updates: after its hold, each is expanded into deliveries, exactly once."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import DatabaseError, transaction
from django.db.models import Count

from .. import counters
from ..metrics.definitions import DELIVERIES
from ..models import Announcement, ComponentUpdate, DeliveryState, StaleSubject, overall_status
from ..status import Phase
from . import audience, queues
from .ledger import component_posts, skipping
from .ledger.unsent import unsent_report

logger = logging.getLogger(__name__)
T = TypeVar("T", int, str)


def release_due(now: datetime) -> int:
    """Expand every announcement whose hold is over and whose page is published. Return their number."""
    due = Announcement.objects.held().filter(hold_until__lte=now)
    return sum(_release(_expand, pk, now) for pk in due.order_by("id").values_list("id", flat=True))


def release_component_updates(now: datetime) -> int:
    """Expand every component update whose hold is over and whose page is published. Return their number.

    Those of a component that was hidden in the meantime are cancelled.
    """
    due = ComponentUpdate.objects.held().filter(hold_until__lte=now)
    rows = due.order_by("created_at", "id").values_list("id", flat=True)
    return sum(_release(_expand_component_update, pk, now) for pk in rows)


def _release(expand: Callable[[T, datetime], bool], pk: T, now: datetime) -> bool:
    # A failure is logged and retried at the next run; it does not affect the others.
    try:
        with transaction.atomic():
            return expand(pk, now)
    except DatabaseError:
        logger.exception("Announcement or component update %s could not be expanded", pk)
        return False


def _expand(pk: int, now: datetime) -> bool:
    # Expand it under a lock: two schedulers expand it once, and a cancellation takes effect before or not at all.
    held = Announcement.objects.held().filter(pk=pk)
    announcement = held.select_for_update(skip_locked=True, of=("self",)).select_related("update__incident").first()
    if announcement is None or _is_unpublished(f"incident:{announcement.update.incident_id}"):
        return False
    if _is_outdated_reminder(announcement, now):
        announcement.cancelled_at = now
        announcement.save(update_fields=["cancelled_at"])
        return False
    rows = audience.expand(announcement, now)
    skipped = announcement.deliveries.filter(state=DeliveryState.SKIPPED)
    by_channel = skipped.order_by().values_list("channel").annotate(Count("pk"))
    counters.add(DELIVERIES, {(DeliveryState.SKIPPED.value, channel): number for channel, number in by_channel})
    announcement.unsent_report = unsent_report(announcement)
    skipping.skip_superseded(announcement)
    announcement.thread_title = Announcement.objects.thread_title(announcement.update.incident)
    announcement.expanded_at = now
    announcement.save(update_fields=["expanded_at", "thread_title", "unsent_report"])
    transaction.on_commit(lambda: queues.enqueue_announcement(pk, rows))
    return True


def _is_outdated_reminder(announcement: Announcement, now: datetime) -> bool:
    # Whether it reminds of maintenance that was started, moved or cancelled during the hold.
    if announcement.reason != Announcement.Reason.REMINDER:
        return False
    incident, start = announcement.update.incident, announcement.reminder.planned_start
    return incident.phase != Phase.SCHEDULED or incident.scheduled_for != start or start <= now


def _expand_component_update(pk: str, now: datetime) -> bool:
    # Expand it under a lock, as an announcement. A change that is made now waits, and is then one of its own.
    held = ComponentUpdate.objects.held().filter(pk=pk)
    update = held.select_for_update(skip_locked=True, of=("self",)).select_related("component").first()
    if update is None or _is_unpublished(f"component:{update.component_id}"):
        return False
    if update.component.hidden:
        update.cancelled_at = now
        update.save(update_fields=["cancelled_at"])
        return False
    update.expanded_at, update.page_status = now, overall_status()
    update.save(update_fields=["expanded_at", "page_status"])
    component_posts.skip_superseded(update)
    if audience.expand_component_update(update, now):
        transaction.on_commit(queues.enqueue_posts)
    return True


def _is_unpublished(subject: str) -> bool:
    # Whether the page that the message is about still has to be published.
    return StaleSubject.objects.unshown().filter(subject__in=[subject, "page"]).exists()
