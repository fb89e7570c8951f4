"""The section `components`: by slug, in the order of each group. Their statuses are not in the file."""

from datetime import date
from typing import Any, cast

from incidents import operations
from incidents.models import Component, ComponentGroup
from incidents.operations import ComponentFields, keys_of
from incidents.staff.actors import Actor

from .fields import Leaves, Single, Words
from .sections import FileSection, PageFile, Row


class ComponentSection(FileSection):
    name = "components"
    model = Component
    fields = {
        "name": Words(single_line=True),
        "description": Words(),
        "group": Single(),
        "start_date": Single(date),
        "hidden": Single(bool),
    }
    # The history of a deleted component would be lost.
    removal = "hidden"

    def stored(self) -> list[Row]:
        keys = keys_of(ComponentGroup)
        rows = Component.objects.in_page_order()
        return [
            Row(row.slug, row, {**self.leaves_of(row), "group": keys.get(str(row.group_id), "")}, is_gone=row.hidden)
            for row in rows
        ]

    def bucket(self, leaves: Leaves) -> str:
        return str(leaves.get("group", ""))

    def check(self, instance: Component) -> None:
        instance.full_clean(exclude={"slug", "group"}, validate_unique=False, validate_constraints=False)

    def faults(self, row: Any, key: str, values: dict[str, Any]) -> Any:
        # The group may be one that is not stored yet; `check_together` has looked for it.
        return super().faults(row, key, {name: value for name, value in values.items() if name != "group"})

    def check_together(self, document: PageFile) -> None:
        groups = document.things["groups"] if "groups" in document.things else keys_of(ComponentGroup).values()
        for thing in document.things.get(self.name, {}).values():
            group = thing.leaves.get("group")
            if group and group not in groups:
                document.faults.append(f"{self.path(thing.key)}.group: There is no group “{group}”.")

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.add_component(fields=_fields(key, values), by=by)

    def edit(self, row: Component, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.edit_component(component=row, fields=_fields(key, values), by=by)

    def remove(self, row: Component, by: Actor) -> None:
        operations.edit_component(component=row, fields={"hidden": True}, by=by)


def _fields(slug: str, values: dict[str, Any]) -> ComponentFields:
    if "group" in values:
        keys = keys_of(ComponentGroup)
        group = next((row for row in ComponentGroup.objects.all() if keys[row.pk] == values["group"]), None)
        values = {**values, "group": group}
    return cast("ComponentFields", {"slug": slug, **values})
