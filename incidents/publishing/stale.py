"""Marks what changed since the store was written, in the transaction of the change."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from ..models import Component, Incident, Page, StaleSubject, Update
from .store.changes import publish_for_readers

PAGE = "page"
DAY = "day"


def mark_incident(incident: Incident, components: Iterable[str], *, former_start: datetime | None = None) -> None:
    """Mark an incident whose text, times or visibility changed.

    `components` are the ids of those that its updates name. `former_start` is its start before the change: the month
    that it leaves is stale too.
    """
    zone = ZoneInfo(Page.objects.brief().time_zone)
    starts = (incident.started_at, former_start or incident.started_at)
    months = {f"month:{timezone.localtime(start, zone):%Y-%m}" for start in starts}
    mark([f"incident:{incident.pk}", *sorted(months), *(f"component:{key}" for key in components)])


def mark_components(components: Iterable[Component]) -> None:
    """Mark components. Call it before and after a change of a slug or visibility: the old address is stale too."""
    mark(_subjects_of(components))


def mark_statuses(components: Collection[Component], since: datetime) -> None:
    """Mark components whose statuses changed at or after `since`, and the feeds whose entries show these statuses.

    A component's feed has the updates of its incidents, which can name others.
    """
    showing = Update.objects.public().filter(at__gte=since, affected__component__in=components)
    named = Component.objects.filter(affected__update__incident__in=showing.values("incident"))
    feeds = sorted(set(named.values_list("slug", flat=True)))
    mark([*_subjects_of(components), *(f"feed:{slug}" for slug in feeds)])


def _subjects_of(components: Iterable[Component]) -> list[str]:
    return [subject for one in components for subject in (f"component:{one.pk}", f"slug:{one.slug}")]


def mark_page() -> None:
    """Mark all documents, after a change of the page's name, brand or time zone, or of the order of components."""
    mark([PAGE])


def mark(subjects: Iterable[str]) -> None:
    """Record the subjects, and publish the pages that readers wait for once the transaction has committed.

    The scheduler publishes the other documents at once. If publishing fails, the reason is stored with the rows for
    staff to see, and the caller is not affected.
    """
    StaleSubject.objects.bulk_create(StaleSubject(subject=subject) for subject in subjects)
    if not _is_publishing_scheduled():
        transaction.on_commit(publish_for_readers, robust=True)


def _is_publishing_scheduled() -> bool:
    # Whether an earlier call in this transaction has scheduled it, outside a savepoint that may be rolled back.
    #
    # If the store cannot be written, each further run would take as long to fail as the first.
    current = set(connection.savepoint_ids)
    calls: Iterable[Any] = connection.run_on_commit  # the stubs lack the third item and the functions' return type
    return any(sids <= current and function is publish_for_readers for sids, function, _robust in calls)


def mark_new_day() -> None:
    """After midnight in the page's time zone, mark the documents that show days or ages."""
    today = timezone.localdate(timezone=ZoneInfo(Page.objects.brief().time_zone))
    with transaction.atomic():
        is_new_day = Page.objects.exclude(shown_day=today).update(shown_day=today)
        if is_new_day:
            mark([DAY])
