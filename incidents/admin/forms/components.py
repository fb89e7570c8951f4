"""The table that sets the status of components in an update."""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.utils.translation import pgettext_lazy

from ...labels import COMPONENT_STATUSES, choices
from ...models import AffectedComponent, Component, Incident, Update
from ...status import ComponentStatus
from ...wording import words

NO_CHANGE = ("", pgettext_lazy("component in an update", "No change"))


@dataclass(frozen=True)
class ComponentRow:
    """A component, the status that the update gives it, and its current one from earlier updates; "" is none."""

    component: Component
    chosen: str = ""
    current: str = ""

    @property
    def field_name(self) -> str:
        return f"component-{self.component.pk}"

    def field(self) -> forms.ChoiceField:
        return forms.ChoiceField(
            label=words(self.component.name),
            choices=[NO_CHANGE, *choices(COMPONENT_STATUSES)],
            initial=self.chosen,
            required=False,
        )


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


def _rank(row: ComponentRow) -> tuple[bool, int]:
    return not row.chosen, -max(_severity(row.chosen), _severity(row.component.status))


def _severity(status: str) -> int:
    return ComponentStatus(status).severity if status else 0


def statuses_of(update: Update) -> dict[str, str]:
    """The status that an update gives its components, by id."""
    return dict(update.affected.values_list("component_id", "status"))


def current_statuses(incident: Incident) -> dict[str, str]:
    """The status of each component according to the incident's newest public update that names it."""
    rows = AffectedComponent.objects.filter(update__incident=incident, update__published_at__isnull=False)
    return dict(rows.order_by("update__at", "update__created_at").values_list("component_id", "status"))
