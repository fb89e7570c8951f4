"""Taking subscribers in from a table: our own, Statuspage's export or its import template.

A line is one subscriber. Nobody is written to, because their consent was given
elsewhere: where is recorded with each. Who is known already keeps their own choices,
and who has left, had everything erased or refused our mail is not brought back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ..masks import masked
from ..models import Component, Subscriber
from . import addresses, rows
from .rows import State
from .tables import NO, YES

BATCH = 1_000
# Names that other tables have for our columns.
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
# Statuspage's import template has no heading; its first column says what kind of subscriber stands beside it.
_CHANNELS = {"email", "sms", "webhook", "slack", "teams"}
_TEMPLATE = ["channel", "address", "skip_confirmation"]


class ImportResult(StrEnum):
    """What became of a line."""

    TAKEN_IN = "taken in"
    KNOWN = "known already: kept as it is"
    TWICE = "stands twice in this file"
    LEFT = "has left, and has to sign up anew"
    ERASED = "had everything erased, and has to sign up anew"
    NOT_ACTIVE = "was not active where it comes from"
    OTHER_CHANNEL = "is no mail subscriber"
    WRONG = "wrong"


@dataclass(frozen=True)
class Line:
    """A line of the table and what became of it; `address` is empty where none could be read."""

    number: int
    address: str
    result: ImportResult
    why: str = ""

    def cells(self) -> list[str]:
        """For the report, which names nobody."""
        return [str(self.number), masked(self.address), self.result.value, self.why]


@dataclass
class Wish:
    """One line that can be taken in."""

    number: int
    subscriber: Subscriber
    components: list[Component] = field(default_factory=list)


class Wrong(Exception):
    """A line that cannot be taken in, with the result and the reason."""

    def __init__(self, result: ImportResult, why: str = "") -> None:
        super().__init__(why)
        self.result = result
        self.why = why


class Table:
    """The meaning of a table's columns, found from its first line."""

    def __init__(self, first: list[str], consent_source: str) -> None:
        names = [_ALIASES.get(name.lower(), name.lower().replace(" ", "_")) for name in first]
        self.has_heading = not (first[0].lower() in _CHANNELS and _is_a_value(*first[1:2]))
        self.names = names if self.has_heading else _TEMPLATE
        self.consent_source = consent_source
        self._components = {key: one for one in Component.objects.all() for key in (one.slug, one.pk)}
        if "address" not in self.names:
            raise Wrong(ImportResult.WRONG, "no column is called “address” or “email”")

    def wish(self, number: int, cells: list[str]) -> Wish:
        """Raises Wrong."""
        line = dict(zip(self.names, cells, strict=False))
        if not self.has_heading:
            line["components"] = " ".join(cells[len(_TEMPLATE) :])
        if line.get("channel", "").lower() not in {"", "email"}:
            raise Wrong(ImportResult.OTHER_CHANNEL, line["channel"])
        if line.get("quarantined_at") or line.get("state", "").lower() not in {"", "active"}:
            raise Wrong(ImportResult.NOT_ACTIVE, line.get("state", "") or "quarantined")
        try:
            address = addresses.normalise(line.get("address", ""))
        except ValidationError as error:
            raise Wrong(ImportResult.WRONG, "this is no mail address") from error
        return Wish(number, self._subscriber(address, line), self._chosen(line.get("components", "")))

    def _subscriber(self, address: str, line: dict[str, str]) -> Subscriber:
        now = timezone.now()
        requested = _moment(line.get("requested_at", "")) or now
        source = line.get("consent_source") or self.consent_source
        if not source:
            raise Wrong(ImportResult.WRONG, "nothing says where the consent was given")
        return Subscriber(
            address=address,
            language=_language(line.get("language", "")),
            state=State.ACTIVE,
            wants_incidents=_flag(line.get("incidents", "")),
            wants_maintenance=_flag(line.get("maintenance", "")),
            time_zone=_zone(line.get("time_zone", "")),
            consent_method=Subscriber.ConsentMethod.IMPORT,
            consent_text=line.get("consent_text", "")[:20],
            consent_source=source[:200],
            requested_at=requested,
            confirmed_at=_moment(line.get("confirmed_at", "")) or requested,
        )

    def _chosen(self, written: str) -> list[Component]:
        names = written.replace(",", " ").replace(";", " ").split()
        unknown = [name for name in names if name not in self._components]
        if unknown:
            raise Wrong(ImportResult.WRONG, f"this page has no component “{unknown[0]}”")
        return [self._components[name] for name in dict.fromkeys(names)]


def take_in(lines: Iterable[tuple[int, list[str]]], *, consent_source: str, dry_run: bool = False) -> Iterator[Line]:
    """What becomes of each line, in batches, and in one transaction: all that is right is taken in, or nothing.

    With `dry_run` the same is done and taken back. Raises Wrong if the table has no column of addresses.
    """
    remaining = iter(lines)
    first = next(remaining, None)
    if first is None:
        return
    table = Table(first[1], consent_source)
    if not table.has_heading:
        remaining = chain([first], remaining)
    with transaction.atomic():
        while batch := list(islice(remaining, BATCH)):
            yield from _batch(table, batch)
        transaction.set_rollback(dry_run)


def summary(results: Counter[ImportResult]) -> str:
    return ", ".join(f"{number} {result.value}" for result in ImportResult if (number := results[result])) or "no lines"


def _batch(table: Table, batch: list[tuple[int, list[str]]]) -> list[Line]:
    wishes: dict[str, Wish] = {}
    refused = []
    for number, cells in batch:
        try:
            wish = table.wish(number, cells)
        except Wrong as wrong:
            refused.append(Line(number, "", wrong.result, wrong.why))
            continue
        if wishes.setdefault(wish.subscriber.address.upper(), wish) is not wish:
            refused.append(Line(number, wish.subscriber.address, ImportResult.TWICE))
    return sorted([*refused, *_stored(wishes)], key=lambda line: line.number)


def _stored(wishes: dict[str, Wish]) -> Iterator[Line]:
    """Three statements for a batch; whoever signs up at the same moment wins."""
    known = _known(wishes)
    wanted = [wish for key, wish in wishes.items() if key not in known]
    Subscriber.objects.bulk_create([wish.subscriber for wish in wanted], ignore_conflicts=True)
    created = set(
        Subscriber.objects.filter(pk__in=[wish.subscriber.pk for wish in wanted]).values_list("pk", flat=True)
    )
    taken = [wish for wish in wanted if wish.subscriber.pk in created]
    choice = Subscriber.components.through
    choice._default_manager.bulk_create(
        choice(subscriber_id=wish.subscriber.pk, component_id=component.pk)
        for wish in taken
        for component in wish.components
    )
    for key, wish in wishes.items():
        result = known.get(key) or (ImportResult.TAKEN_IN if wish.subscriber.pk in created else ImportResult.KNOWN)
        yield Line(wish.number, wish.subscriber.address, result)


def _known(wishes: dict[str, Wish]) -> dict[str, ImportResult]:
    """Who is not taken in, by address in upper case."""
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    there = mail.annotate(key=Upper("address")).filter(key__in=list(wishes))
    left = {State.UNSUBSCRIBED, State.SUSPENDED}
    found = {
        key: ImportResult.LEFT if state in left else ImportResult.KNOWN
        for key, state in there.values_list("key", "state")
    }
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = {rows.erased_key(key, secret): key for key in wishes if key not in found for secret in secrets}
    erased = Subscriber.objects.filter(erased_key__in=list(keys)).exclude(erased_key="")
    return found | {keys[key]: ImportResult.ERASED for key in erased.values_list("erased_key", flat=True)}


def _is_a_value(cell: str = "") -> bool:
    """An address or a number, and no heading."""
    return "@" in cell or "://" in cell or any(sign.isdigit() for sign in cell)


def _language(written: str) -> str:
    code = (written or settings.LANGUAGE_CODE).lower()
    if code not in dict(settings.LANGUAGES):
        raise Wrong(ImportResult.WRONG, f"this page has no language “{written}”")
    return code


def _zone(written: str) -> str:
    if written and written not in available_timezones():
        raise Wrong(ImportResult.WRONG, f"there is no time zone “{written}”")
    return written


def _flag(written: str) -> bool:
    """Empty means yes: who was in the table asked to be told."""
    if written.lower() in {"", YES, "true", "1", "ja"}:
        return True
    if written.lower() in {NO, "false", "0", "nej"}:
        return False
    raise Wrong(ImportResult.WRONG, f"“{written}” is neither yes nor no")


def _moment(written: str) -> datetime | None:
    if not written:
        return None
    try:
        found = parse_datetime(written.replace(" UTC", "+00:00"))
        if found is None and (day := parse_date(written)):
            found = datetime.combine(day, datetime.min.time())
    except ValueError:
        found = None
    if found is None:
        raise Wrong(ImportResult.WRONG, f"“{written}” is no time such as 2023-10-09T21:00:00Z")
    return found if timezone.is_aware(found) else timezone.make_aware(found)
