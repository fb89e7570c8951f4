"""The statuses of components over time, derived from claims: rebuild what is stored, or compare it."""

from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ..claims import Change, changes_of, status_after
from ..models import Component, StatusChange
from ..publishing import stale
from ..status import ComponentStatus
from .claims import all_claims


@transaction.atomic
def rebuild_statuses(*, components: Collection[str]) -> list[Component]:
    """Derive the statuses of components over time from all claims, and store what differs.

    Every change of a claim calls it, in its transaction. The number of queries does not depend
    on the length of the history. Returns the components whose stored statuses were different.
    """
    # Locked in the order of their ids, so that two incidents cannot deadlock. The claims are read after that.
    locked = list(Component.objects.select_for_update().filter(pk__in=components).order_by("pk"))
    wanted, stored = derived_changes(components), stored_changes(components)
    different = [
        component
        for component in locked
        if wanted[component.pk] != stored[component.pk] or component.status != status_after(wanted[component.pk])
    ]
    if not different:
        return []
    _store({component.pk: (stored[component.pk], wanted[component.pk]) for component in different})
    for component in different:
        component.status, component.updated_at = status_after(wanted[component.pk]), timezone.now()
    Component.objects.bulk_update(different, ["status", "updated_at"])
    stale.mark_components(different)
    return different


def derived_changes(components: Collection[str]) -> dict[str, list[Change]]:
    """Return the changes of each component, by its id, as derived from all claims."""
    return defaultdict(list, {key: changes_of(claims) for key, claims in all_claims(components).items()})


def stored_changes(components: Collection[str]) -> dict[str, list[Change]]:
    """Return the changes of each component, by its id, as stored."""
    rows = StatusChange.objects.filter(component__in=components).order_by("component_id", "at")
    changes: dict[str, list[Change]] = defaultdict(list)
    for component, at, status, causes in rows.values_list("component_id", "at", "status", "causes"):
        changes[component].append(Change(at, ComponentStatus(status), tuple(causes)))
    return changes


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
    StatusChange.objects.filter(outdated).delete()
    StatusChange.objects.bulk_create(missing)
