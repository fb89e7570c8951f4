"""When maintenance repeats: a rule (RRULE of RFC 5545), its occurrences, and the rule in words.

A rule is in local time, so that work at 02:30 stays at 02:30 when the clocks change.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import MONTHLY, WEEKLY, rrule, weekday
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from . import formats
from .wording import listed

LAST = -1
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(r"(-?\d+)?([A-Z]{2})")


@dataclass(frozen=True)
class RepeatRule:
    """Every `every` weeks on `weekdays` (Monday is 0), or every `every` months.

    Months: on the `nth` (1 to 4, or LAST) of the one weekday; without a weekday, on the `monthday`, and months without
    that day are left out. `until` is the last possible day, `excluded` days are left out.
    """

    first_day: date
    start: time
    duration: timedelta
    zone: str
    weekdays: tuple[int, ...] = ()
    nth: int = 0
    monthday: int = 0
    every: int = 1
    until: date | None = None
    excluded: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError("It has to repeat every week or month, or less often.")

    @classmethod
    def parse(
        cls, text: str, *, first_day: date, start: time, duration: timedelta, zone: str, excluded: Iterable[date] = ()
    ) -> "RepeatRule":
        """Read what `rrule` has written."""
        parts = dict(part.split("=") for part in text.split(";"))
        days = [(int(nth or 0), _CODES.index(code)) for nth, code in _BYDAY.findall(parts.get("BYDAY", ""))]
        until = parts.get("UNTIL")
        return cls(
            first_day=first_day,
            start=start,
            duration=duration,
            zone=zone,
            weekdays=tuple(day for _nth, day in days),
            nth=days[0][0] if days else 0,
            monthday=int(parts.get("BYMONTHDAY", 0)),
            every=int(parts["INTERVAL"]),
            until=datetime.strptime(until[:8], "%Y%m%d").date() if until else None,  # noqa: DTZ007 - a day
            excluded=frozenset(excluded),
        )

    @property
    def is_weekly(self) -> bool:
        return not self.nth and not self.monthday

    @property
    def rrule(self) -> str:
        """The rule as RFC 5545 writes it; the days left out are not part of it."""
        parts = [f"FREQ={'WEEKLY' if self.is_weekly else 'MONTHLY'}", f"INTERVAL={self.every}"]
        if self.monthday:
            parts.append(f"BYMONTHDAY={self.monthday}")
        else:
            parts.append("BYDAY=" + ",".join(f"{self.nth or ''}{_CODES[day]}" for day in self.weekdays))
        if self.until:
            parts.append(f"UNTIL={self.until:%Y%m%d}T235959")
        return ";".join(parts)

    def days(self) -> Iterator[date]:
        """The days on which it takes place, from the first day on."""
        begin = datetime.combine(self.first_day, time.min)
        until = datetime.combine(self.until, time.max) if self.until else None
        if self.monthday:
            found = rrule(MONTHLY, begin, self.every, bymonthday=self.monthday, until=until)
        elif self.nth:
            found = rrule(MONTHLY, begin, self.every, byweekday=weekday(self.weekdays[0], self.nth), until=until)
        else:
            found = rrule(WEEKLY, begin, self.every, byweekday=self.weekdays, until=until)
        return (day.date() for day in found if day.date() not in self.excluded)

    def occurrence(self, day: date) -> "Occurrence":
        return Occurrence(day, self.start, self.duration, ZoneInfo(self.zone))

    def next_day(self, *, after: date | None = None) -> date | None:
        """Return the first day, or the first after another one; None if there is none."""
        return next((day for day in self.days() if after is None or day > after), None)

    def next_occurrences(self, number: int) -> "list[Occurrence]":
        return [self.occurrence(day) for day in islice(self.days(), number)]


@dataclass(frozen=True)
class Occurrence:
    """One time that it takes place. It lasts `duration` also when the clocks change in between."""

    day: date
    start_time: time
    duration: timedelta
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """In UTC. A time that the clocks skip is one hour later, of one that comes twice it is the first (§3.3.5)."""
        return datetime.combine(self.day, self.start_time, self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        return self.start + self.duration

    @property
    def is_skipped_time(self) -> bool:
        """Whether the clocks skip its time of day, so that it starts later."""
        return self.start.astimezone(self.zone).time() != self.start_time

    @property
    def is_repeated_time(self) -> bool:
        """Whether its time of day comes twice, when the clocks are put back."""
        local = datetime.combine(self.day, self.start_time, self.zone)
        return not self.is_skipped_time and local.utcoffset() != local.replace(fold=1).utcoffset()


def in_words(rule: RepeatRule) -> str:
    """Return the rule as a sentence without its times of day."""
    said = _weekly(rule) if rule.is_weekly else _monthly(rule)
    if rule.until:
        said = _("%(rule)s, until %(day)s") % {"rule": said, "day": formats.day(rule.until)}
    return said


def _weekly(rule: RepeatRule) -> str:
    days = listed([str(WEEKDAYS[day]) for day in rule.weekdays])
    said = ngettext("Every week on %(days)s", "Every %(number)d weeks on %(days)s", rule.every)
    return said % {"number": rule.every, "days": days}


def _monthly(rule: RepeatRule) -> str:
    if rule.monthday:
        on = monthday_in_words(rule.monthday)
    else:
        on = nth_in_words(rule.nth) % {"weekday": WEEKDAYS[rule.weekdays[0]]}
    said = ngettext("Every month %(on)s", "Every %(number)d months %(on)s", rule.every)
    return said % {"number": rule.every, "on": on}


def monthday_in_words(day: int) -> str:
    return pgettext("repeats every month", "on day %(number)d") % {"number": day}


def nth_in_words(nth: int) -> str:
    """Return “on the second %(weekday)s” and the like."""
    return {
        1: _("on the first %(weekday)s"),
        2: _("on the second %(weekday)s"),
        3: _("on the third %(weekday)s"),
        4: _("on the fourth %(weekday)s"),
        LAST: _("on the last %(weekday)s"),
    }[nth]


def number_in_month(day: date) -> int:
    """Return which of its weekday a day is in its month: 1 to 4, or LAST for the fifth."""
    return number if (number := (day.day - 1) // 7 + 1) <= 4 else LAST
