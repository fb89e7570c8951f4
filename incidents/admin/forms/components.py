"""The table that sets the status of components in an update."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django import forms
from django.utils.translation import pgettext_lazy

from ...labels import COMPONENT_STATUSES, choices
from ...models import Component, Incident, Update
from ...operations.snapshots import current_statuses, stated_statuses
from ...status import FINAL_PHASES, ComponentStatus, Phase, worst_of
from ...wording import words
from ..causes import Reason, reasons_of_others

_OPERATIONAL = ComponentStatus.OPERATIONAL
# For the script that follows the choices in the form.
SEVERITIES = " ".join(ComponentStatus)
FINAL = " ".join(FINAL_PHASES)
NO_CHANGE = ("", pgettext_lazy("component in an update", "No change"))


@dataclass(frozen=True)
class ComponentRow:
    """A component, the status that the update gives it, and its current one from earlier updates; "" is none.

    `said` is what the incident's public updates say of it, `others` what other incidents do.
    """

    component: Component
    chosen: str = ""
    current: str = ""
    said: str = ""
    others: tuple[Reason, ...] = ()

    @property
    def field_name(self) -> str:
        return f"component-{self.component.pk}"

    @property
    def outlook_id(self) -> str:
        return f"outlook-{self.component.pk}"

    def field(self) -> forms.ChoiceField:
        return forms.ChoiceField(
            label=words(self.component.name),
            choices=[NO_CHANGE, *choices(COMPONENT_STATUSES)],
            initial=self.chosen,
            required=False,
            widget=forms.Select({"aria-describedby": self.outlook_id} if self.others else None),
        )

    def outlook(self, chosen: str, phase: str) -> "Outlook | None":
        """Return what readers will see of it if this is chosen; None if no other incident concerns it."""
        if not self.others:
            return None
        own = _OPERATIONAL if phase in FINAL_PHASES else chosen or self.said or _OPERATIONAL
        return Outlook(self.others, ComponentStatus(own), phase)


@dataclass(frozen=True)
class Outlook:
    """What others say of a component, the worst first, and what readers see once this update says `own` of it."""

    others: tuple[Reason, ...]
    own: ComponentStatus
    phase: str

    @property
    def result(self) -> ComponentStatus:
        return worst_of([self.own, self.others[0].status])

    @property
    def result_label(self) -> str:
        return str(COMPONENT_STATUSES[self.result])

    @property
    def is_silent(self) -> bool:
        """Whether the update changes nothing for readers: planned work that has not begun claims nothing."""
        return self.phase == Phase.SCHEDULED

    @property
    def stays(self) -> bool:
        """Whether others keep the component worse than this update says."""
        return not self.is_silent and self.result != self.own


def component_rows(chosen: Mapping[str, str], current: Mapping[str, str] | None = None) -> list[ComponentRow]:
    """All components: those of this update first, worst first, then in page order.

    Hidden components only if they are affected already.
    """
    components = Component.objects.in_page_order()
    current = chosen if current is None else current
    rows = [
        ComponentRow(one, chosen.get(one.pk, ""), current.get(one.pk, ""))
        for one in components
        if not one.hidden or one.pk in chosen
    ]
    return sorted(rows, key=_rank)


def with_others(rows: list[ComponentRow], incident: Incident | None = None) -> list[ComponentRow]:
    """Add what others than this incident say of the components, and what the incident said last."""
    others = reasons_of_others([row.component.pk for row in rows], incident)
    said = current_statuses(incident) if incident else {}
    return [
        replace(row, others=tuple(others.get(row.component.pk, ())), said=said.get(row.component.pk, ""))
        for row in rows
    ]


def with_statuses(rows: list[ComponentRow], chosen: Mapping[str, str]) -> list[ComponentRow]:
    """The same components with other statuses; "" for those that are not in `chosen`."""
    statuses = [(row, chosen.get(row.component.pk, "")) for row in rows]
    return sorted((replace(row, chosen=status, current=status) for row, status in statuses), key=_rank)


def _rank(row: ComponentRow) -> tuple[bool, int]:
    return not row.chosen, -max(_severity(row.chosen), _severity(row.component.status))


def _severity(status: str) -> int:
    return ComponentStatus(status).severity if status else 0


def statuses_of(update: Update) -> dict[str, str]:
    """The status that an update gives its components, by id."""
    return dict(update.affected.values_list("component_id", "status"))


def statuses_while_open(incident: Incident) -> dict[str, str]:
    """The status of each component as the incident's public updates had it before it was over, for reopening it."""
    found: dict[str, str] = {}
    for key, status, phase in stated_statuses(incident):
        if key not in found or not Phase(phase).is_final:
            found[key] = status
    return found
