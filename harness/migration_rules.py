"""What a migration may not do, because the code of the previous release would fail on the new schema.

CONTRIBUTING.md says what to do instead.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# What takes away or renames something that the previous release's models name.
REMOVALS = (
    operations.RemoveField,
    operations.RenameField,
    operations.DeleteModel,
    operations.RenameModel,
    operations.AlterModelTable,
)
# What refuses rows that the previous release may write.
CONSTRAINTS = (operations.AddConstraint, operations.AlterUniqueTogether)
WIDER = {("CharField", "TextField"), ("IntegerField", "BigIntegerField")}
STRICTER_SQL = re.compile(
    r"\b(DROP\s+(COLUMN|TABLE)|RENAME\s+(COLUMN|TO)|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE"
    r"|ADD\s+(CONSTRAINT|CHECK|UNIQUE)|CREATE\s+UNIQUE\s+INDEX)\b",
    re.IGNORECASE,
)


def faults(migration: Migration, before: ProjectState, new_models: set[str]) -> list[str]:
    """Return what the previous release would not survive. `before` is the state in which the migration begins.

    `new_models` are tables that the previous release does not know; those that the migration creates are added.
    """
    found: list[str] = []
    state = before.clone()
    for operation in migration.operations:
        for real in _on_database(operation):
            if isinstance(real, operations.CreateModel):
                new_models.add(real.name_lower)
            elif _table(real) not in new_models:
                found += [f"{migration.name}: {fault}" for fault in _faults(real, state)]
        operation.state_forwards(migration.app_label, state)
    return found


def _on_database(operation: Operation) -> list[Operation]:
    # The first step of a removal takes the field out of the models and leaves its column.
    if isinstance(operation, operations.SeparateDatabaseAndState):
        return list(operation.database_operations)
    return [operation]


def _table(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None) or ""
    return str(name).lower()


def _faults(operation: Operation, state: ProjectState) -> Iterator[str]:
    described = operation.describe()
    if isinstance(operation, REMOVALS):
        yield f"{described}: the previous release uses it"
    elif isinstance(operation, CONSTRAINTS):
        yield f"{described}: the previous release may write rows that it refuses"
    elif isinstance(operation, operations.AddField):
        if not _may_be_left_out(operation.field):
            yield f"{described}: the previous release leaves it out, so it needs null=True or db_default"
    elif isinstance(operation, operations.AlterField):
        earlier = state.models["incidents", operation.model_name_lower].fields[operation.name]
        yield from (f"{described}: {reason}" for reason in _narrowed(earlier, operation.field))
    elif isinstance(operation, operations.RunSQL) and STRICTER_SQL.search(str(operation.sql)):
        yield f"{described}: SQL that removes, renames or restricts something"


def _may_be_left_out(field: models.Field[Any, Any]) -> bool:
    return field.null or field.has_db_default() or field.many_to_many or field.generated


def _narrowed(earlier: models.Field[Any, Any], later: models.Field[Any, Any]) -> Iterator[str]:
    kinds = earlier.get_internal_type(), later.get_internal_type()
    if kinds[0] != kinds[1] and kinds not in WIDER:
        yield "another type"
    if earlier.null and not later.null:
        yield "the previous release may write NULL"
    if later.unique and not earlier.unique:
        yield "the previous release may write a value twice"
    if later.max_length and (not earlier.max_length or later.max_length < earlier.max_length):
        yield "the previous release may write longer values"
    if earlier.has_db_default() and not (later.has_db_default() or later.null):
        yield "the previous release leaves it out"
