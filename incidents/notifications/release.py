"""Release of announcements: once its hold is over, each is expanded into deliveries, exactly once."""

import logging
from datetime import datetime

from django.db import DatabaseError, transaction

from ..models import Announcement, Incident, StaleSubject
from . import audience, queues
from .ledger import claims

logger = logging.getLogger(__name__)


def release_due(now: datetime) -> int:
    """Expand every announcement whose hold is over and whose page is published. Return their number."""
    due = Announcement.objects.held().filter(hold_until__lte=now)
    return sum(_release(pk, now) for pk in due.order_by("id").values_list("id", flat=True))


def _release(pk: int, now: datetime) -> bool:
    # Expand one announcement. A failure is logged and retried at the next run; it does not affect the others.
    try:
        with transaction.atomic():
            return _expand(pk, now)
    except DatabaseError:
        logger.exception("Announcement %s could not be expanded", pk)
        return False


def _expand(pk: int, now: datetime) -> bool:
    # Expand it under a lock: two schedulers expand it once, and a cancellation takes effect before or not at all.
    held = Announcement.objects.held().filter(pk=pk)
    announcement = held.select_for_update(skip_locked=True, of=("self",)).select_related("update__incident").first()
    if announcement is None or _is_unpublished(announcement.update.incident):
        return False
    rows = audience.expand(announcement, now)
    claims.skip_superseded(announcement)
    announcement.expanded_at = now
    announcement.save(update_fields=["expanded_at"])
    transaction.on_commit(lambda: queues.enqueue_announcement(pk, rows))
    return True


def _is_unpublished(incident: Incident) -> bool:
    # Whether the page that the message links to still has to be published.
    return StaleSubject.objects.filter(subject__in=[f"incident:{incident.pk}", "page"]).exists()
