"""Write subscribers as CSV, and read tables.

A spreadsheet treats a cell that begins with “=” as a formula, so such a cell is
written with a leading apostrophe, which is removed on reading.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from ..models import Component, Subscriber

COLUMNS = [
    "address", "language", "state", "incidents", "maintenance", "components", "time_zone", "paused_until",
    "consent_text", "consent_method", "consent_source", "requested_at", "confirmed_at", "left_at",
]  # fmt: skip
YES, NO = "yes", "no"
_FORMULA = tuple("=+-@\t\r")
_BATCH = 2_000


class Echo:
    """A file whose `write` returns the line, so that a csv writer can be streamed."""

    def write(self, line: str) -> str:
        return line


def exportable() -> "QuerySet[Subscriber]":
    """Return email subscribers, except erased ones.

    Webhooks are left out: their URLs are as secret as passwords, and they need a code to connect.
    """
    slugs = Prefetch("components", Component.objects.only("slug").order_by("slug"))
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    return mail.order_by("created_at", "pk").prefetch_related(slugs)


def lines() -> Iterator[str]:
    """Yield the whole table as lines of CSV with CRLF (RFC 4180), read in batches."""
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for subscriber in exportable().iterator(_BATCH):
        yield writer.writerow(cells(subscriber))


def cells(subscriber: Subscriber) -> list[str]:
    """Return one subscriber's cells, in the order of COLUMNS; times in UTC."""
    values: dict[str, Any] = {
        "incidents": YES if subscriber.wants_incidents else NO,
        "maintenance": YES if subscriber.wants_maintenance else NO,
        "components": " ".join(component.slug for component in subscriber.components.all()),
    }
    return [_cell(values[name] if name in values else getattr(subscriber, name)) for name in COLUMNS]


def unescaped(cell: str) -> str:
    """Remove the apostrophe that `_cell` writes before formulas."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def detect_delimiter(first_line: str) -> str:
    """Return a comma, or the separator that spreadsheets use in other languages."""
    return max(",;\t", key=first_line.count)


def parse(source: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each line that is not empty. Raises csv.Error."""
    reader = csv.reader(source, delimiter=delimiter)
    for row in reader:
        values = [unescaped(cell.strip()) for cell in row]
        if any(values):
            yield reader.line_num, values


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
