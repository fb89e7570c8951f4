"""Insert many rows at once: PostgreSQL reads them from one JSON text, so that no model is made for each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import AutoField, Field, Model
from django.utils import timezone


def insert(
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    same_for_all: Mapping[str, Any] | None = None,
    *,
    skip_existing: bool = False,
) -> list[Any]:
    """Insert rows of one model, and return the primary keys of those that were inserted.

    Each row has the values of the same columns, by name; `same_for_all` has those of other columns, and the rest get
    the default of their field. Values are texts, numbers, booleans, times, None and lists of these, and are not
    validated. `skip_existing` leaves out rows that a unique constraint refuses.
    """
    if not rows:
        return []
    meta, given = model._meta, same_for_all or {}
    fields = {str(field.column): field for field in meta.concrete_fields}
    own = [name for name in fields if name in rows[0]]
    shared = [name for name, field in fields.items() if name not in own and not isinstance(field, AutoField)]
    values = [given[name] if name in given else _default(fields[name]) for name in shared]
    statement = (
        f"INSERT INTO {meta.db_table} ({_quoted([*own, *shared])}) "  # noqa: S608 - own names
        f"SELECT {', '.join([_quoted(own), *['%s'] * len(shared)])} "
        f"FROM json_populate_recordset(NULL::{meta.db_table}, %s) "
        f"{'ON CONFLICT DO NOTHING ' if skip_existing else ''}RETURNING {meta.pk.column}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, json.dumps(rows, default=str)])
        return [key for (key,) in cursor.fetchall()]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, names))


def _default(field: "Field[Any, Any]") -> Any:
    is_set_on_save = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return timezone.now() if is_set_on_save else field.get_default()
