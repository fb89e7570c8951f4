"""Which subjects changed since the store was written: marked in the transaction of the change."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from ..models import Component, Incident, Page, StaleSubject
from .store.publisher import publish_stale

PAGE = "page"
DAY = "day"


def mark_incident(incident: Incident) -> None:
    """The incident's text or times changed, or it became public or stopped being so.

    Call it before and after a change that moves it: the month it leaves is stale as well.
    """
    month = timezone.localtime(incident.started_at, ZoneInfo(Page.objects.current().time_zone))
    components = set(incident.updates.values_list("affected__component_id", flat=True)) - {None}
    mark([f"incident:{incident.pk}", f"month:{month:%Y-%m}", *(f"component:{key}" for key in sorted(components))])


def mark_component(component: Component) -> None:
    """Call it before and after a change that moves or hides it: its old address is stale as well."""
    mark([f"component:{component.pk}", f"slug:{component.slug}"])


def mark_page() -> None:
    """Something that stands on every document changed: name, brand, zone, the order of components."""
    mark([PAGE])


def mark(subjects: Iterable[str]) -> None:
    """Notes the subjects and publishes them once the transaction has committed.

    A failure then is recorded with the rows for staff to see, and stops nobody.
    """
    StaleSubject.objects.bulk_create(StaleSubject(subject=subject) for subject in subjects)
    if not _is_to_be_published():
        transaction.on_commit(publish_stale, robust=True)


def _is_to_be_published() -> bool:
    """Whether an earlier call in this transaction has seen to it; a savepoint that may be rolled back does not count.

    While the store cannot be written, each further run would fail for as long as the first.
    """
    current = set(connection.savepoint_ids)
    calls: Iterable[Any] = connection.run_on_commit  # the stubs know neither its third part nor what functions return
    return any(sids <= current and function is publish_stale for sids, function, _robust in calls)


def mark_new_day() -> None:
    """At midnight in the page's zone, what shows days or ages moves on."""
    today = timezone.localdate(timezone=ZoneInfo(Page.objects.current().time_zone))
    with transaction.atomic():
        turned = Page.objects.exclude(shown_day=today).update(shown_day=today)
        if turned:
            mark([DAY])
