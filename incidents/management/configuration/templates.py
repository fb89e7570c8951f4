"""The section `templates`: the texts of updates prepared in advance, in the order of each kind."""

from typing import Any, cast

from django.core.exceptions import ValidationError

from incidents import operations
from incidents.models import UpdateTemplate
from incidents.operations import TemplateFields, keys_of
from incidents.staff.actors import Actor
from incidents.status import Kind

from .fields import Leaves, Single, Words
from .sections import FileSection, Row


class TemplateSection(FileSection):
    name = "templates"
    model = UpdateTemplate
    fields = {
        "kind": Single(),
        "phase": Single(),
        "name": Words(single_line=True),
        "title": Words(single_line=True),
        "text": Words(),
    }

    def stored(self) -> list[Row]:
        keys = keys_of(UpdateTemplate)
        return [Row(keys[row.pk], row, self.leaves_of(row)) for row in UpdateTemplate.objects.in_order()]

    def bucket(self, leaves: Leaves) -> str:
        return str(leaves.get("kind", Kind.INCIDENT))

    def check(self, instance: UpdateTemplate) -> None:
        """Check what the verb checks, and everything at once."""
        found: dict[str, Any] = {}
        for check in (super().check, operations.check_template):
            try:
                check(instance)
            except ValidationError as error:
                found = {**error.error_dict, **found}
        if found:
            raise ValidationError(found)

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.add_template(fields=cast("TemplateFields", {"key": key, **values}), by=by)

    def edit(self, row: UpdateTemplate, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.edit_template(template=row, fields=cast("TemplateFields", {"key": key, **values}), by=by)

    def remove(self, row: UpdateTemplate, by: Actor) -> None:
        operations.remove_template(template=row, by=by)
