"""Releases announcements: once its hold is over, each expands into deliveries, exactly once."""

import logging
from datetime import datetime

from django.db import DatabaseError, transaction

from ..models import Announcement, Incident, StaleSubject
from . import audience, queues
from .ledger import claims

logger = logging.getLogger(__name__)


def release_due(now: datetime) -> int:
    """Expands every announcement whose hold is over and whose page is written; returns how many."""
    due = Announcement.objects.held().filter(hold_until__lte=now)
    return sum(_release(pk, now) for pk in due.order_by("id").values_list("id", flat=True))


def _release(pk: int, now: datetime) -> bool:
    """A failure is logged and tried again at the next run; it does not stop the others."""
    try:
        with transaction.atomic():
            return _expand(pk, now)
    except DatabaseError:
        logger.exception("Announcement %s could not be expanded", pk)
        return False


def _expand(pk: int, now: datetime) -> bool:
    """Locked, so that two schedulers expand it once, and a cancellation comes before or too late."""
    held = Announcement.objects.held().filter(pk=pk)
    announcement = held.select_for_update(skip_locked=True, of=("self",)).select_related("update__incident").first()
    if announcement is None or _is_unwritten(announcement.update.incident):
        return False
    rows = audience.expand(announcement, now)
    claims.supersede(announcement)
    announcement.expanded_at = now
    announcement.save(update_fields=["expanded_at"])
    transaction.on_commit(lambda: queues.enqueue_announcement(pk, rows))
    return True


def _is_unwritten(incident: Incident) -> bool:
    """The page that the message links to is published first."""
    return StaleSubject.objects.filter(subject__in=[f"incident:{incident.pk}", "page"]).exists()
