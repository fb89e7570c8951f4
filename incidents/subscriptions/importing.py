"""Import subscribers from a table: our own export, Statuspage's export or its import template.

Each line is one subscriber. No email is sent, because consent was given elsewhere; its
source is recorded with each subscriber, and its time if the table contains it. Existing
subscribers keep their choices. Unsubscribed, erased and suspended subscribers are not
reactivated.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ..masks import masked
from ..models import Component, Subscriber
from . import addresses, lifecycle, transfers
from .lifecycle import State
from .tables import NO, YES

BATCH = 1_000
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

    def cells(self) -> list[str]:
        """Return the cells of the report, with the address masked."""
        return [str(self.number), masked(self.address), self.result.value, self.reason]


@dataclass
class Candidate:
    """A valid line."""

    number: int
    subscriber: Subscriber
    components: list[Component] = field(default_factory=list)


class InvalidLine(Exception):
    """A line that cannot be imported, with its result and the reason."""

    def __init__(self, result: ImportResult, reason: str = "") -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


@dataclass(frozen=True)
class ImportSource:
    """The staff account that imports a table, its file, and where consent was given if a line does not contain it."""

    by: AbstractBaseUser
    file: str
    consent: str = ""


class Table:
    """The columns of a table, read from its first line."""

    def __init__(self, first: list[str], consent_source: str) -> None:
        names = [_ALIASES.get(name.lower(), name.lower().replace(" ", "_")) for name in first]
        self.has_heading = not (first[0].lower() in _CHANNELS and _is_value(*first[1:2]))
        self.names = names if self.has_heading else _TEMPLATE
        self.consent_source = consent_source
        self._components = {key: one for one in Component.objects.all() for key in (one.slug, one.pk)}
        if "address" not in self.names:
            raise InvalidLine(ImportResult.INVALID, "no column is called “address” or “email”")

    def candidate(self, number: int, cells: list[str]) -> Candidate:
        """Return the subscriber of a line. Raises InvalidLine."""
        line = dict(zip(self.names, cells, strict=False))
        if not self.has_heading:
            line["components"] = " ".join(cells[len(_TEMPLATE) :])
        if line.get("channel", "").lower() not in {"", "email"}:
            raise InvalidLine(ImportResult.OTHER_CHANNEL, line["channel"])
        if line.get("quarantined_at") or line.get("state", "").lower() not in {"", "active"}:
            raise InvalidLine(ImportResult.NOT_ACTIVE, line.get("state", "") or "quarantined")
        try:
            address = addresses.normalise(line.get("address", ""))
        except ValidationError as error:
            raise InvalidLine(ImportResult.INVALID, "not an email address") from error
        return Candidate(number, self._subscriber(address, line), self._parse_components(line.get("components", "")))

    def _subscriber(self, address: str, line: dict[str, str]) -> Subscriber:
        source = line.get("consent_source") or self.consent_source
        if not source:
            raise InvalidLine(ImportResult.INVALID, "no source of consent given")
        return Subscriber.new(
            address,
            language=_parse_language(line.get("language", "")),
            state=State.ACTIVE,
            wants_incidents=_parse_flag(line.get("incidents", "")),
            wants_maintenance=_parse_flag(line.get("maintenance", "")),
            time_zone=_parse_time_zone(line.get("time_zone", "")),
            consent_method=Subscriber.ConsentMethod.IMPORT,
            consent_text=line.get("consent_text", "")[:20],
            consent_source=source[:200],
            requested_at=_parse_time(line.get("requested_at", "")),
            confirmed_at=_parse_time(line.get("confirmed_at", "")),
        )

    def _parse_components(self, value: str) -> list[Component]:
        names = value.replace(",", " ").replace(";", " ").split()
        unknown = [name for name in names if name not in self._components]
        if unknown:
            raise InvalidLine(ImportResult.INVALID, f"unknown component “{unknown[0]}”")
        return [self._components[name] for name in dict.fromkeys(names)]


def import_subscribers(
    *, lines: Iterable[tuple[int, list[str]]], source: ImportSource, dry_run: bool = False
) -> Iterator[ImportedLine]:
    """Import all valid lines in one transaction, in batches, and yield the result of each line.

    `lines` are pairs of line number and cells. `dry_run` rolls back at the end. Raises InvalidLine if the table
    has no column of addresses.
    """
    remaining = iter(lines)
    first = next(remaining, None)
    if first is None:
        return
    table = Table(first[1], source.consent)
    if not table.has_heading:
        remaining = chain([first], remaining)
    with transaction.atomic():
        number = 0
        while batch := list(islice(remaining, BATCH)):
            results = _import_batch(table, batch)
            number += sum(line.result is ImportResult.IMPORTED for line in results)
            yield from results
        transfers.record_import(by=source.by, number=number, consent_source=source.consent, file=source.file)
        transaction.set_rollback(dry_run)


def summarise_import(results: Counter[ImportResult]) -> str:
    return ", ".join(f"{number} {result.value}" for result in ImportResult if (number := results[result])) or "no lines"


def _import_batch(table: Table, batch: list[tuple[int, list[str]]]) -> list[ImportedLine]:
    candidates: dict[str, Candidate] = {}
    refused = []
    for number, cells in batch:
        try:
            candidate = table.candidate(number, cells)
        except InvalidLine as error:
            refused.append(ImportedLine(number, "", error.result, error.reason))
            continue
        if candidates.setdefault(candidate.subscriber.canonical_address, candidate) is not candidate:
            refused.append(ImportedLine(number, candidate.subscriber.address, ImportResult.DUPLICATE))
    return sorted([*refused, *_store(candidates)], key=lambda line: line.number)


def _store(candidates: dict[str, Candidate]) -> Iterator[ImportedLine]:
    # Store a batch in three statements. A sign-up at the same moment takes precedence.
    known = _known(candidates)
    new = [candidate for key, candidate in candidates.items() if key not in known]
    Subscriber.objects.bulk_create([candidate.subscriber for candidate in new], ignore_conflicts=True)
    created = set(
        Subscriber.objects.filter(pk__in=[candidate.subscriber.pk for candidate in new]).values_list("pk", flat=True)
    )
    imported = [candidate for candidate in new if candidate.subscriber.pk in created]
    choice = Subscriber.components.through
    choice._default_manager.bulk_create(
        choice(subscriber_id=candidate.subscriber.pk, component_id=component.pk)
        for candidate in imported
        for component in candidate.components
    )
    for key, candidate in candidates.items():
        result = known.get(key) or (ImportResult.IMPORTED if candidate.subscriber.pk in created else ImportResult.KNOWN)
        yield ImportedLine(candidate.number, candidate.subscriber.address, result)


def _known(candidates: dict[str, Candidate]) -> dict[str, ImportResult]:
    # Return the result of each canonical address that is not imported.
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(canonical_address="")
    existing = mail.filter(canonical_address__in=list(candidates))
    opted_out = {State.UNSUBSCRIBED, State.SUSPENDED}
    found = {
        key: ImportResult.UNSUBSCRIBED if state in opted_out else ImportResult.KNOWN
        for key, state in existing.values_list("canonical_address", "state")
    }
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = {lifecycle.erased_key(key, secret): key for key in candidates if key not in found for secret in secrets}
    erased = Subscriber.objects.filter(erased_key__in=list(keys)).exclude(erased_key="")
    return found | {keys[key]: ImportResult.ERASED for key in erased.values_list("erased_key", flat=True)}


def _is_value(cell: str = "") -> bool:
    # Whether a cell is a value (an address or a number), not a heading.
    return "@" in cell or "://" in cell or any(character.isdigit() for character in cell)


def _parse_language(value: str) -> str:
    code = (value or settings.LANGUAGE_CODE).lower()
    if code not in dict(settings.LANGUAGES):
        raise InvalidLine(ImportResult.INVALID, f"unknown language “{value}”")
    return code


def _parse_time_zone(value: str) -> str:
    if value and value not in available_timezones():
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
