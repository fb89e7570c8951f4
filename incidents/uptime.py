"""Computes uptime from the recorded statuses of a component. Pure: does not import Django.

Definitions, shown to readers in the same words:

- Partial and major outages are downtime. Degraded performance is not: slow is not
  unavailable. Neither is planned maintenance: it was announced.
- Uptime is the share of the counted time that was not downtime. Time is counted from
  the component's first day in service until now, within the range shown.
- A day is a day in the page's time zone, midnight to midnight: 23 hours long when
  summer time begins and 25 when it ends. Its state is its worst one, however brief.
- Before its first recorded status, a component is operational.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from .claims import Change
from .status import ComponentStatus, worst_of

DOWN = frozenset({ComponentStatus.PARTIAL_OUTAGE, ComponentStatus.MAJOR_OUTAGE})


@dataclass(frozen=True, slots=True)
class StatusPeriod:
    """A time with one status, from `start` up to but not including `end`."""

    start: datetime
    end: datetime
    status: ComponentStatus
    causes: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def within(self, start: datetime, end: datetime) -> "StatusPeriod | None":
        """Return the part within that time; an empty period, the state at this moment, counts as a part."""
        first, last = max(self.start, start), min(self.end, end)
        inside = first < last or (self.start == self.end and start <= self.start < end)
        return StatusPeriod(first, max(first, last), self.status, self.causes) if inside else None


@dataclass(frozen=True)
class Day:
    """A day in the page's time zone and its periods; none if the component was not yet in service."""

    date: date
    periods: tuple[StatusPeriod, ...]

    @cached_property
    def worst(self) -> ComponentStatus | None:
        return worst_of(period.status for period in self.periods) if self.periods else None

    @property
    def in_worst(self) -> timedelta:
        """Return how long the day's worst state lasted."""
        return sum((period.length for period in self.periods if period.status == self.worst), timedelta())

    @property
    def causes(self) -> list[str]:
        """Return the causes of the states other than operational, each once, in order of time."""
        disrupted = (period for period in self.periods if period.status != ComponentStatus.OPERATIONAL)
        return list(dict.fromkeys(cause for period in disrupted for cause in period.causes))


def status_periods(changes: Sequence[Change], start: datetime, now: datetime) -> list[StatusPeriod]:
    """Return the statuses between `start` and `now` in order of time.

    `changes` are in order of time; the last one before `start` is the first status. Of
    several at one moment the last counts. The last period is the present status, and may
    have no length.
    """
    start, now = start.astimezone(UTC), now.astimezone(UTC)
    current = Change(start, ComponentStatus.OPERATIONAL)
    entries: list[Change] = []
    for change in (change for change in changes if change.at <= now):
        if change.at <= start:
            current = change
        else:
            entries.append(change)
    marks = [Change(start, current.status, current.causes), *entries, Change(now, ComponentStatus.OPERATIONAL)]
    result = [StatusPeriod(a.at.astimezone(UTC), b.at.astimezone(UTC), a.status, a.causes) for a, b in pairwise(marks)]
    return [period for period in result[:-1] if period.length] + result[-1:]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment in UTC when a day begins in the time zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def days(periods: Iterable[StatusPeriod], first: date, last: date, zone: ZoneInfo) -> list[Day]:
    """Return every day from `first` to `last`, both included; the periods must be in order of time."""
    known, result, over = list(periods), [], 0
    for day, start, end in _bounds(first, last, zone):
        while over < len(known) and known[over].end < start:
            over += 1
        parts = (period.within(start, end) for period in takewhile(lambda period: period.start < end, known[over:]))  # noqa: B023
        result.append(Day(day, tuple(part for part in parts if part)))
    return result


@lru_cache(maxsize=64)
def _bounds(first: date, last: date, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    # Return each day with its start and end. Cached: all components have the same ninety days.
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, midnight(day, zone), midnight(day + timedelta(days=1), zone)) for day in every]


def uptime(periods: Iterable[StatusPeriod], start: datetime | None = None, end: datetime | None = None) -> float | None:
    """Return the share (0 to 1) of the counted time that was not down; None if no time is counted."""
    counted = down = timedelta()
    for period in periods:
        part = period.within(start or period.start, end or period.end)
        if part is not None:
            counted += part.length
            down += part.length if part.status in DOWN else timedelta()
    return 1 - down / counted if counted else None
