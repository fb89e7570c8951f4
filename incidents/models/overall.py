"""The overall status, shown by home page, badge, banner, API and newsroom, and what causes it."""

from typing import NamedTuple

from django.db.models import Exists, OuterRef, Subquery

from ..status import STATUS_OF_IMPACT, ComponentStatus, worst_of
from .components import Component
from .incidents import Incident
from .status_changes import StatusChange
from .updates import Update


class StateCause(NamedTuple):
    """What causes the overall status, and how many other incidents and works are ongoing.

    `component` instead of `incident` if only a status set by hand causes it. Neither if nothing is wrong or ongoing.
    """

    incident: Incident | None
    component: Component | None
    others: int


def overall_status() -> ComponentStatus:
    """Return the worst of all component statuses and of the impacts of ongoing incidents without components.

    So an incident that names no component still shows that something is wrong.
    """
    statuses = Component.objects.public().values_list("status", flat=True)
    unnamed = Incident.objects.public().ongoing().exclude(_names_component()).values_list("impact", flat=True)
    return worst_of([*statuses, *(STATUS_OF_IMPACT[impact] for impact in unnamed)])


def cause_of(overall: ComponentStatus) -> StateCause:
    """Return what causes the overall status, in two queries; of several incidents the worst."""
    ongoing = list(Incident.objects.public().ongoing().worst_first().annotate(names_component=_names_component()))
    components = _components_with(overall) if overall != ComponentStatus.OPERATIONAL else []
    found = _causing(overall, components, ongoing)
    if components and not found:
        return StateCause(None, components[0], len(ongoing))
    first = next(iter(found or ongoing), None)
    return StateCause(first, None, len(ongoing) - 1 if first else 0)


def _causing(overall: ComponentStatus, components: list[Component], ongoing: list[Incident]) -> list[Incident]:
    if overall == ComponentStatus.OPERATIONAL:
        return []
    causes = {cause for component in components for cause in component.causes or ()}  # type: ignore[attr-defined]
    return [incident for incident in ongoing if incident.pk in causes or _implied_by(incident) == overall]


def _names_component() -> Exists:
    # Whether an incident names a public component.
    return Exists(Update.objects.public().filter(incident=OuterRef("pk"), affected__component__hidden=False))


def _components_with(status: ComponentStatus) -> list[Component]:
    # In the order of the page, each with the `causes` of its last change.
    last = StatusChange.objects.filter(component=OuterRef("pk")).order_by("-at")
    components = Component.objects.public().filter(status=status).in_page_order()
    return list(components.annotate(causes=Subquery(last.values("causes")[:1])))


def _implied_by(incident: Incident) -> ComponentStatus | None:
    names_component: bool = incident.names_component  # type: ignore[attr-defined]
    return None if names_component else STATUS_OF_IMPACT[incident.impact]
