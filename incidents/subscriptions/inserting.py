"""Insert many rows at once: PostgreSQL reads them from one JSON text, so that the ORM need not prepare each value."""

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db import connection
from django.db.models import AutoField, Model


def insert(rows: Sequence[Model], *, skip_existing: bool = False) -> list[Any]:
    """Insert unsaved rows of one model, and return the primary keys of those that were inserted.

    Their values are texts, numbers, booleans, times, None and lists of these, and are not validated.
    `skip_existing` leaves out rows that a unique constraint refuses.
    """
    if not rows:
        return []
    meta = rows[0]._meta
    fields = [field for field in meta.concrete_fields if not isinstance(field, AutoField)]
    for field in fields:
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            for row in rows:
                field.pre_save(row, add=True)
    names, values = [str(field.column) for field in fields], attrgetter(*(field.attname for field in fields))
    text = json.dumps([dict(zip(names, values(row), strict=True)) for row in rows], default=str)
    columns = ", ".join(map(connection.ops.quote_name, names))
    statement = (
        f"INSERT INTO {meta.db_table} ({columns}) "  # noqa: S608 - own names
        f"SELECT {columns} FROM json_populate_recordset(NULL::{meta.db_table}, %s) "
        f"{'ON CONFLICT DO NOTHING ' if skip_existing else ''}RETURNING {meta.pk.column}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [text])
        return [key for (key,) in cursor.fetchall()]
