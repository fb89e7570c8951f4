"""An incident as a page tells it: its updates newest first, and what they did to components."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Prefetch

from ...appearance import state_of
from ...models import AffectedComponent, Component, Incident, Update, page_order
from ...models.incidents import IncidentQuerySet
from ...status import Phase


@dataclass(frozen=True)
class Step:
    """From `at` on the component had this status, because of the incident."""

    at: datetime
    status: str


@dataclass(frozen=True)
class Affected:
    """What an incident did to one component, in order of time."""

    component: Component
    steps: list[Step]

    @property
    def status(self) -> str:
        return self.steps[-1].status


@dataclass(frozen=True)
class Story:
    """A public incident whose updates `told` has fetched."""

    incident: Incident

    @cached_property
    def timeline(self) -> list[Update]:
        return list(self.incident.timeline)  # type: ignore[attr-defined]  # fetched by `told`

    @property
    def newest(self) -> Update | None:
        return self.timeline[0] if self.timeline else None

    @property
    def earlier(self) -> list[Update]:
        return self.timeline[1:]

    @cached_property
    def affected(self) -> list[Affected]:
        """The components it touched, in the page's order. Of planned work, those it will touch."""
        steps: dict[Component, list[Step]] = {}
        for update in reversed(self.timeline):
            for row in update.affected.all():
                if row.component.hidden:
                    continue
                taken = steps.setdefault(row.component, [])
                if not taken or taken[-1].status != row.status:
                    taken.append(Step(update.at, row.status))
        return [Affected(component, steps[component]) for component in sorted(steps, key=page_order)]

    @property
    def is_planned(self) -> bool:
        return self.incident.phase == Phase.SCHEDULED

    @property
    def state(self) -> str:
        """What stands for the whole incident as it is now; see `appearance`."""
        incident = self.incident
        return state_of(incident.phase, incident.impact, (affected.status for affected in self.affected))


def with_timeline(incidents: IncidentQuerySet, *, with_revisions: bool = False) -> list[Story]:
    """The stories of these incidents in three queries, or four with the earlier texts."""
    affected = AffectedComponent.objects.select_related("component__group")
    parts: list[Any] = [Prefetch("affected", affected), *(["revisions"] if with_revisions else [])]
    updates = Update.objects.public().newest_first().prefetch_related(*parts)
    fetched: Iterable[Incident] = incidents.prefetch_related(Prefetch("updates", updates, to_attr="timeline"))
    return [Story(incident) for incident in fetched]
