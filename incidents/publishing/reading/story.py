"""An incident as a page shows it: its updates, newest first, and their effects on components."""

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
    """The component had this status from `at` on, because of the incident."""

    at: datetime
    status: str


@dataclass(frozen=True)
class Affected:
    """The effects of an incident on one component, in order of time."""

    component: Component
    steps: list[Step]

    @property
    def status(self) -> str:
        return self.steps[-1].status


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
        steps: dict[Component, list[Step]] = {}
        for update in reversed(self.timeline):
            for row in update.affected.all():
                if row.component.hidden:
                    continue
                known = steps.setdefault(row.component, [])
                if not known or known[-1].status != row.status:
                    known.append(Step(update.at, row.status))
        return [Affected(component, steps[component]) for component in sorted(steps, key=page_order)]

    @property
    def is_planned(self) -> bool:
        return self.incident.phase == Phase.SCHEDULED

    @property
    def state(self) -> str:
        """Return the state that represents the whole incident now; see `appearance`."""
        incident = self.incident
        return state_of(incident.phase, incident.impact, (affected.status for affected in self.affected))


def with_timeline(incidents: IncidentQuerySet, *, with_revisions: bool = False) -> list[Story]:
    """Return the stories of these incidents in three queries, or four with revisions."""
    affected = AffectedComponent.objects.select_related("component__group")
    related: list[Any] = [Prefetch("affected", affected), *(["revisions"] if with_revisions else [])]
    updates = Update.objects.public().newest_first().prefetch_related(*related)
    fetched: Iterable[Incident] = incidents.prefetch_related(Prefetch("updates", updates, to_attr="timeline"))
    return [Story(incident) for incident in fetched]
