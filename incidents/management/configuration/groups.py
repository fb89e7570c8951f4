"""The section `groups`: the groups of components, in their order."""

from typing import Any, cast

from incidents import operations
from incidents.models import ComponentGroup
from incidents.operations import GroupFields, keys_of
from incidents.staff.actors import Actor

from .fields import Words
from .sections import FileSection, Row


class GroupSection(FileSection):
    name = "groups"
    model = ComponentGroup
    fields = {"name": Words(single_line=True), "description": Words()}

    def stored(self) -> list[Row]:
        keys = keys_of(ComponentGroup)
        return [Row(keys[group.pk], group, self.leaves_of(group)) for group in ComponentGroup.objects.all()]

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.add_group(fields=cast("GroupFields", {"key": key, **values}), by=by)

    def edit(self, row: ComponentGroup, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.edit_group(group=row, fields=cast("GroupFields", {"key": key, **values}), by=by)

    def remove(self, row: ComponentGroup, by: Actor) -> None:
        operations.remove_group(group=row, by=by)
