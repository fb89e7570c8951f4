"""The table in which an update gives components their status."""

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
    """A component, the status that the update gives it and the one it has by earlier updates; empty: none.

    `released` is the one it has once this incident lets go of it.
    """

    component: Component
    chosen: str = ""
    standing: str = ""
    released: str = ComponentStatus.OPERATIONAL

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


def component_rows(
    chosen: Mapping[str, str], standing: Mapping[str, str] | None = None, released: Mapping[str, str] | None = None
) -> list[ComponentRow]:
    """Every component: those of this update on top, worst first, then as they stand on the page.

    Hidden ones only where they are concerned already: nobody outside would see them.
    """
    components = Component.objects.in_page_order()
    standing = chosen if standing is None else standing
    rows = [
        ComponentRow(
            one,
            chosen.get(one.pk, ""),
            standing.get(one.pk, ""),
            (released or {}).get(one.pk, ComponentStatus.OPERATIONAL),
        )
        for one in components
        if not one.hidden or one.pk in chosen
    ]
    return sorted(rows, key=_rank)


def _rank(row: ComponentRow) -> tuple[bool, int]:
    return not row.chosen, -max(_severity(row.chosen), _severity(row.component.status))


def _severity(status: str) -> int:
    return ComponentStatus(status).severity if status else 0


def given_by(update: Update) -> dict[str, str]:
    """The status that an update gives its components, by id."""
    return dict(update.affected.values_list("component_id", "status"))


def standing_in(incident: Incident) -> dict[str, str]:
    """The status that an incident's public updates have given its components, the newest word on each."""
    rows = AffectedComponent.objects.filter(update__incident=incident, update__published_at__isnull=False)
    return dict(rows.order_by("update__at", "update__created_at").values_list("component_id", "status"))
