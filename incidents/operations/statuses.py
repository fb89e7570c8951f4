"""The statuses of components over time, derived from claims: rebuild what is stored, or compare it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..claims import Change, changes_of
from ..models import Component, StatusChange, Update
from ..notifications.outbox import record_status_changes
from ..publishing import stale
from ..status import ComponentStatus
from .claims import EARLIEST, Microseconds, all_claims, moment


@transaction.atomic(savepoint=False)
def rebuild_statuses(
    *, components: Collection[str], since: datetime = EARLIEST, announce: bool, update: Update | None = None
) -> list[Component]:
    """Derive the statuses of components from `since` on from all claims, and store what differs.

    Every change of a claim calls it, in its transaction, with the earliest start of the claim
    before and after the change. The number of queries does not depend on the length of the
    history. Returns the components whose stored statuses were different.

    `announce` says whether webhooks are notified of components whose current status changes, and
    `update` which update they are notified of, if any.
    """
    # Locked in the order of their ids, so that two incidents cannot deadlock; and not against new references to
    # components, which drafts create in any order. The claims are read after that.
    locked = list(Component.objects.select_for_update(no_key=True).filter(pk__in=components).order_by("pk"))
    wanted, stored = derived_changes(components, since), stored_changes(components, since)
    different = [component for component in locked if wanted[component.pk] != stored[component.pk]]
    _store({component.pk: (stored[component.pk], wanted[component.pk]) for component in different})
    changed = _follow_last_changes(locked, wanted)
    record_status_changes(changed, announce=announce, update=update)
    different += [component for component, _old in changed if component not in different]
    stale.mark_statuses(different, since)
    return different


def derived_changes(components: Collection[str], since: datetime = EARLIEST) -> dict[str, list[Change]]:
    """Return the changes of each component at or after `since`, by its id, as derived from the claims."""
    claims = all_claims(components, since)
    changes = {key: changes_of(found) for key, found in claims.items()}
    return defaultdict(list, {key: [one for one in found if one.at >= since] for key, found in changes.items()})


def stored_changes(components: Collection[str], since: datetime = EARLIEST) -> dict[str, list[Change]]:
    """Return the changes of each component at or after `since`, by its id, as stored."""
    rows = StatusChange.objects.filter(component__in=components)
    if since != EARLIEST:
        rows = rows.filter(at__gte=since)
    changes: dict[str, list[Change]] = defaultdict(list)
    fields = ("component_id", Microseconds("at"), "status", "causes")
    for component, at, status, causes in rows.order_by("component_id", "at").values_list(*fields):
        changes[component].append(Change(moment(at), ComponentStatus(status), tuple(causes)))
    return changes


def _follow_last_changes(
    components: Collection[Component], recent: dict[str, list[Change]]
) -> list[tuple[Component, str]]:
    # Set the current status of components to that of their last change; return those that had another one, with it.
    # `recent` has the changes of each that were derived again, in order of time.
    current = {key: changes[-1].status.value for key, changes in recent.items() if changes}
    current |= _stored_statuses([component.pk for component in components if component.pk not in current])
    different = [(component, component.status) for component in components if component.status != current[component.pk]]
    now, by_status = timezone.now(), defaultdict(list)
    for component, _old in different:
        component.status, component.updated_at = current[component.pk], now
        by_status[component.status].append(component.pk)
    for status, keys in by_status.items():
        Component.objects.filter(pk__in=keys).update(status=status, updated_at=now)
    return different


def _stored_statuses(components: Collection[str]) -> dict[str, str]:
    # The status of each component according to its last stored change.
    last = StatusChange.objects.filter(component=OuterRef("pk")).order_by("-at").values("status")[:1]
    status = Coalesce(Subquery(last), Value(ComponentStatus.OPERATIONAL.value))
    return dict(Component.objects.filter(pk__in=components).values_list("pk", status))


def _store(different: dict[str, tuple[list[Change], list[Change]]]) -> None:
    # Replace the rows that differ; most of a long history stays as it is.
    outdated, missing = Q(), []
    for key, (stored, wanted) in different.items():
        kept = set(stored) & set(wanted)
        outdated |= Q(component=key, at__in=[change.at for change in stored if change not in kept])
        missing += [
            StatusChange(component_id=key, at=change.at, status=change.status, causes=list(change.causes))
            for change in wanted
            if change not in kept
        ]
    if different:
        StatusChange.objects.filter(outdated).delete()
        StatusChange.objects.bulk_create(missing)
