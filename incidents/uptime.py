"""How uptime is counted, from the record of a component's statuses. Pure: knows no Django.

Definitions, shown to readers in the same words:

- Down is the time in a partial or major outage. Degraded performance is up: slow is
  not gone. Planned maintenance is up: it was said beforehand.
- Uptime is the share of the counted time that was not down. Counted is the time from
  the component's first day in service until now, within the period.
- A day is a day in the page's zone, midnight to midnight: 23 hours long when summer
  time begins and 25 when it ends. Its state is the worst that it saw, however briefly.
- Before the record's first entry a component is operational.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from .status import ComponentStatus, worst_of

DOWN = frozenset({ComponentStatus.PARTIAL_OUTAGE, ComponentStatus.MAJOR_OUTAGE})


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on the status was this; `cause` names what changed it, for instance an incident's id."""

    at: datetime
    status: ComponentStatus
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of one status, `start` up to but not including `end`."""

    start: datetime
    end: datetime
    status: ComponentStatus
    cause: str = ""

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def within(self, start: datetime, end: datetime) -> "Spell | None":
        """The part of it in that time; one without length, the state of this very moment, counts as part."""
        first, last = max(self.start, start), min(self.end, end)
        inside = first < last or (self.start == self.end and start <= self.start < end)
        return Spell(first, max(first, last), self.status, self.cause) if inside else None


@dataclass(frozen=True)
class Day:
    """A day in the page's zone and the spells in it; none where it was not in service yet."""

    date: date
    spells: tuple[Spell, ...]

    @cached_property
    def worst(self) -> ComponentStatus | None:
        return worst_of(spell.status for spell in self.spells) if self.spells else None

    @property
    def in_worst(self) -> timedelta:
        """How long the day's worst state lasted."""
        return sum((spell.length for spell in self.spells if spell.status == self.worst), timedelta())

    @property
    def causes(self) -> list[str]:
        """What caused the states that were not operational, each once, in order of time."""
        troubled = (spell for spell in self.spells if spell.status != ComponentStatus.OPERATIONAL)
        return list(dict.fromkeys(spell.cause for spell in troubled if spell.cause))


def spells(changes: Sequence[Change], start: datetime, now: datetime) -> list[Spell]:
    """The statuses between `start` and `now` in order of time.

    `changes` are in order of time; the last one before `start` says how the period
    begins. Of several at one moment the last counts. The last spell is how it is
    now, and may have no length.
    """
    start, now = start.astimezone(UTC), now.astimezone(UTC)
    current = Change(start, ComponentStatus.OPERATIONAL)
    entries: list[Change] = []
    for change in (change for change in changes if change.at <= now):
        if change.at <= start:
            current = change
        else:
            entries.append(change)
    marks = [Change(start, current.status, current.cause), *entries, Change(now, ComponentStatus.OPERATIONAL)]
    found = [Spell(a.at.astimezone(UTC), b.at.astimezone(UTC), a.status, a.cause) for a, b in pairwise(marks)]
    return [spell for spell in found[:-1] if spell.length] + found[-1:]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment in UTC at which a day begins in the zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def days(stretch: Iterable[Spell], first: date, last: date, zone: ZoneInfo) -> list[Day]:
    """Every day from `first` to `last`, both included, with what happened in it; the spells in order of time."""
    known, found, over = list(stretch), [], 0
    for day, start, end in _bounds(first, last, zone):
        while over < len(known) and known[over].end < start:
            over += 1
        parts = (spell.within(start, end) for spell in takewhile(lambda spell: spell.start < end, known[over:]))  # noqa: B023
        found.append(Day(day, tuple(part for part in parts if part)))
    return found


@lru_cache(maxsize=64)
def _bounds(first: date, last: date, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    """Each day with its beginning and its end. Twelve components have the same ninety days."""
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, midnight(day, zone), midnight(day + timedelta(days=1), zone)) for day in every]


def uptime(stretch: Iterable[Spell], start: datetime | None = None, end: datetime | None = None) -> float | None:
    """The share (0 to 1) of the counted time that was not down; None where no time is counted."""
    counted = down = timedelta()
    for spell in stretch:
        part = spell.within(start or spell.start, end or spell.end)
        if part is not None:
            counted += part.length
            down += part.length if part.status in DOWN else timedelta()
    return 1 - down / counted if counted else None
