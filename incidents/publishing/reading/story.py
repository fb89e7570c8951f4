"""An incident as a page shows it: its updates, newest first, and their effects on components."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from ...appearance import state_of
from ...claims import StatedStatus, Step, has_begun, steps_of
from ...models import AffectedComponent, Component, Incident, Update, page_order
from ...status import ComponentStatus, Phase

# How many components of one status are named; the others are counted.
NAMED = 8


@dataclass(frozen=True)
class Status:
    """A status and the components that have it, some of them by name."""

    status: str
    named: Sequence[Component]
    others: int


def by_status(components: Iterable[Component]) -> list[Status]:
    """Return the components by status, the worst first; each status keeps the order of its components."""
    found: dict[ComponentStatus, list[Component]] = defaultdict(list)
    for component in components:
        found[ComponentStatus(component.status)].append(component)
    worst_first = sorted(found, key=lambda status: status.severity, reverse=True)
    return [Status(status, found[status][:NAMED], len(found[status][NAMED:])) for status in worst_first]


@dataclass(frozen=True)
class Affected:
    """What an incident says of one component, in order of time; no steps if it has not begun."""

    component: Component
    steps: list[Step]
    planned: str

    @property
    def status(self) -> str:
        """Return the status now, as this incident says; of planned work, the status that it will bring."""
        return self.steps[-1].status if self.steps else self.planned


@dataclass(frozen=True)
class Story:
    """A public incident with its updates, fetched by `with_timeline`."""

    incident: Incident

    @cached_property
    def timeline(self) -> list[Update]:
        return list(self.incident.timeline)  # type: ignore[attr-defined]  # fetched by `with_timeline`

    @property
    def newest(self) -> Update | None:
        return self.timeline[0] if self.timeline else None

    @property
    def earlier(self) -> list[Update]:
        return self.timeline[1:]

    @cached_property
    def affected(self) -> list[Affected]:
        """Return the components that it affects, or will affect if planned, in the page's order."""
        stated: dict[Component, list[StatedStatus]] = {}
        opening = min(self.timeline, key=_publication, default=None)
        for update in reversed(self.timeline):
            for row in update.affected.all():
                if not row.component.hidden:
                    stated.setdefault(row.component, []).append(_stated(row.status, update, opening))
        return [self._affected(component, stated[component]) for component in sorted(stated, key=page_order)]

    @cached_property
    def statuses(self) -> list[Status]:
        """Return the statuses that the affected components have now, whatever the reason."""
        return by_status(affected.component for affected in self.affected)

    def _affected(self, component: Component, stated: list[StatedStatus]) -> Affected:
        incident = self.incident
        steps = steps_of(stated, incident.started_at, incident.ended_at) if self.has_begun else []
        return Affected(component, steps, stated[-1].status)

    @property
    def has_begun(self) -> bool:
        """Whether it affects anything: planned work does so once it starts, cancelled work perhaps never."""
        return has_begun(self.incident.phase, (update.phase for update in self.timeline))

    @property
    def is_planned(self) -> bool:
        return self.incident.phase == Phase.SCHEDULED

    @property
    def state(self) -> str:
        """Return the state that represents the whole incident now; see `appearance`."""
        incident = self.incident
        return state_of(incident.phase, incident.impact, (affected.status for affected in self.affected))


def _publication(update: Update) -> tuple[datetime | None, datetime, datetime, str]:
    return update.published_at, update.created_at, update.at, update.pk


def _stated(status: str, update: Update, opening: Update | None) -> StatedStatus:
    return StatedStatus(update.ended_at or update.at, ComponentStatus(status), update is opening, update.is_final)


def with_timeline(
    incidents: Iterable[Incident], *, with_revisions: bool = False, with_derived_status: bool = False
) -> list[Story]:
    """Return the stories of these incidents. It makes two queries for all of them, or three with revisions."""
    affected = AffectedComponent.objects.select_related("component__group")
    if with_derived_status:
        affected = affected.with_derived_status()
    return _stories(incidents, Prefetch("affected", affected), *(["revisions"] if with_revisions else []))


def with_texts(incidents: Iterable[Incident]) -> list[Story]:
    """Return the stories of these incidents for lists that do not show what they affect, in one query."""
    return _stories(incidents)


def _stories(incidents: Iterable[Incident], *related: Any) -> list[Story]:
    updates = Update.objects.public().newest_first().prefetch_related(*related)
    fetched = list(incidents)
    prefetch_related_objects(fetched, Prefetch("updates", updates, to_attr="timeline"))
    return [Story(incident) for incident in fetched]


class Stories:
    """Public incidents with their updates, each read once for all documents that are rendered together."""

    def __init__(self) -> None:
        self._read: dict[str, Story] = {}

    def of(self, keys: Iterable[str]) -> list[Story]:
        """Return the stories of the public incidents with these ids, in this order."""
        wanted = list(keys)
        if missing := set(wanted) - self._read.keys():
            found = with_timeline(Incident.objects.public().filter(pk__in=missing), with_derived_status=True)
            self._read |= {story.incident.pk: story for story in found}
        return [self._read[key] for key in wanted if key in self._read]
