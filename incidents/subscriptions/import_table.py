"""Read subscribers from the lines of a table: our own export, Statuspage's export or its import template."""

from array import array
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from .. import time_zones
from ..masks import masked
from ..models import Component, Subscriber
from ..models.ids import new_id
from . import addresses
from .component_names import ComponentNames
from .tables import NO, YES

# Other tables' names for our columns.
_ALIASES = {
    "email": "address",
    "email address": "address",
    "e-mail": "address",
    "mode": "channel",
    "type": "channel",
    "component ids": "components",
    "created_at": "requested_at",
    "created at": "requested_at",
    "quarantined at": "quarantined_at",
}
# Statuspage's import template has no heading; its first column is the type of the subscriber.
_CHANNELS = {"email", "sms", "webhook", "slack", "teams"}
_TEMPLATE = ["channel", "address", "skip_confirmation"]


class ImportResult(StrEnum):
    """What became of a line."""

    IMPORTED = "imported"
    KNOWN = "already known, unchanged"
    DUPLICATE = "duplicate in this file"
    UNSUBSCRIBED = "unsubscribed, must sign up again"
    ERASED = "erased, must sign up again"
    NOT_ACTIVE = "not active in the source"
    OTHER_CHANNEL = "not an email subscriber"
    INVALID = "invalid"


@dataclass(frozen=True)
class ImportedLine:
    """A line of the table and its result; `address` is empty where none could be read."""

    number: int
    address: str
    result: ImportResult
    reason: str = ""
    unknown: tuple[str, ...] = ()  # texts that name no component

    def cells(self) -> list[str]:
        """Return the cells of the report, with the address masked."""
        return [str(self.number), masked(self.address), self.result.value, self.reason]


@dataclass
class Candidate:
    """A valid line."""

    number: int
    subscriber: dict[str, Any]  # values by column; see Subscriber.values
    components: list[Component] = field(default_factory=list)
    unknown: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The canonical address."""
        return str(self.subscriber["canonical_address"])

    def line(self, result: ImportResult) -> ImportedLine:
        address = self.subscriber["address"]
        if result is not ImportResult.IMPORTED or not self.unknown:
            return ImportedLine(self.number, address, result)
        scope = "the other components" if self.components else "all components"
        reason = f"{_unknown_components(self.unknown)}; imported for {scope}"
        return ImportedLine(self.number, address, result, reason, self.unknown)


class InvalidLine(Exception):
    """A line that cannot be imported, with its result and the reason."""

    def __init__(self, result: ImportResult, reason: str = "", unknown: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason
        self.unknown = unknown


class SeenAddresses:
    """The addresses of a table, as hashes of 64 bits: a megabyte for 100,000 addresses.

    Two of 100,000 addresses have the same hash in one of three billion tables.
    """

    def __init__(self) -> None:
        # In many short sorted arrays, because inserting into a long one is slow.
        self._parts = [array("Q") for _number in range(1_024)]

    def add(self, address: str) -> bool:
        """Add an address; return False if it was there."""
        key = int.from_bytes(blake2b(address.encode(), digest_size=8).digest())
        part = self._parts[key % len(self._parts)]
        place = bisect_left(part, key)
        if place < len(part) and part[place] == key:
            return False
        part.insert(place, key)
        return True


class Table:
    """The columns of a table, read from its first line."""

    def __init__(self, first: list[str], consent_source: str, components: ComponentNames, refuse_unknown: bool) -> None:
        names = [_ALIASES.get(name.lower(), name.lower().replace(" ", "_")) for name in first]
        self.has_heading = not (first[0].lower() in _CHANNELS and _is_value(*first[1:2]))
        self.names = names if self.has_heading else _TEMPLATE
        self.consent_source = consent_source
        self._components = components
        self._refuse_unknown = refuse_unknown
        self._seen = SeenAddresses()
        if "address" not in self.names:
            raise InvalidLine(ImportResult.INVALID, "no column is called “address” or “email”")

    def candidate(self, number: int, cells: list[str]) -> Candidate:
        """Return the subscriber of a line. Raises InvalidLine."""
        line = dict(zip(self.names, cells, strict=False))
        if not self.has_heading:
            line["components"] = ",".join(cells[len(_TEMPLATE) :])
        if line.get("channel", "").lower() not in {"", "email"}:
            raise InvalidLine(ImportResult.OTHER_CHANNEL, line["channel"])
        if line.get("quarantined_at") or line.get("state", "").lower() not in {"", "active"}:
            raise InvalidLine(ImportResult.NOT_ACTIVE, line.get("state", "") or "quarantined")
        try:
            address = addresses.normalise(line.get("address", ""))
        except ValidationError as error:
            raise InvalidLine(ImportResult.INVALID, "not an email address") from error
        subscriber = self._subscriber(address, line)
        known, unknown = self._components.parse(line.get("components", ""))
        if unknown and self._refuse_unknown:
            raise InvalidLine(ImportResult.INVALID, _unknown_components(unknown), tuple(unknown))
        return Candidate(number, subscriber, known, tuple(unknown))

    def is_double(self, candidate: Candidate) -> bool:
        """Whether an earlier line of the table had this address."""
        return not self._seen.add(candidate.key)

    def _subscriber(self, address: str, line: dict[str, str]) -> dict[str, Any]:
        source = line.get("consent_source") or self.consent_source
        if not source:
            raise InvalidLine(ImportResult.INVALID, "no source of consent given")
        return Subscriber.values(
            address,
            id=new_id(),
            language=_parse_language(line.get("language", "")),
            wants_incidents=_parse_flag(line.get("incidents", "")),
            wants_maintenance=_parse_flag(line.get("maintenance", "")),
            time_zone=_parse_time_zone(line.get("time_zone", "")),
            consent_text=line.get("consent_text", "")[:20],
            consent_source=source[:200],
            requested_at=_parse_time(line.get("requested_at", "")),
            confirmed_at=_parse_time(line.get("confirmed_at", "")),
        )


def _unknown_components(texts: Collection[str]) -> str:
    noun = "component" if len(texts) == 1 else "components"
    return f"unknown {noun} {', '.join(f'“{text}”' for text in texts)}"


def _is_value(cell: str = "") -> bool:
    # Whether a cell is a value (an address or a number), not a heading.
    return "@" in cell or "://" in cell or any(character.isdigit() for character in cell)


def _parse_language(value: str) -> str:
    code = (value or settings.LANGUAGE_CODE).lower()
    if code not in dict(settings.LANGUAGES):
        raise InvalidLine(ImportResult.INVALID, f"unknown language “{value}”")
    return code


def _parse_time_zone(value: str) -> str:
    if value and value not in time_zones.names():
        raise InvalidLine(ImportResult.INVALID, f"unknown time zone “{value}”")
    return value


def _parse_flag(value: str) -> bool:
    # Read yes or no. Empty means yes: everyone in the table asked for notifications.
    if value.lower() in {"", YES, "true", "1", "ja"}:
        return True
    if value.lower() in {NO, "false", "0", "nej"}:
        return False
    raise InvalidLine(ImportResult.INVALID, f"“{value}” is neither yes nor no")


def _parse_time(value: str) -> datetime | None:
    if not value:
        return None
    try:
        found = parse_datetime(value.replace(" UTC", "+00:00"))
        if found is None and (day := parse_date(value)):
            found = datetime.combine(day, datetime.min.time())
    except ValueError:
        found = None
    if found is None:
        raise InvalidLine(ImportResult.INVALID, f"“{value}” is not a time such as 2023-10-09T21:00:00Z")
    return found if timezone.is_aware(found) else timezone.make_aware(found)
