"""Business hours and the place whose holidays count, as settings write them, and the days of a time span."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import takewhile

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PATTERN = re.compile(rf"({'|'.join(DAYS)})-({'|'.join(DAYS)}) (\d\d:\d\d)-(\d\d:\d\d)")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def parse_place(value: str) -> str:
    """Return the code of a country or of a part of one (ISO 3166), such as `DK` or `DE-BY`. Raises ValueError.

    Which of them exist, only `public_holidays` knows.
    """
    if value and not _PLACE.fullmatch(value):
        raise ValueError(value)
    return value


@dataclass(frozen=True)
class BusinessHours:
    """The same hours on each of some days of the week (Monday is 0), in local time."""

    days: frozenset[int]
    start: time
    end: time

    @classmethod
    def parse(cls, value: str) -> "BusinessHours | None":
        """Read a value such as `Mon-Fri 08:00-17:00`; None if it is empty. Raises ValueError."""
        if not value:
            return None
        if not (found := _PATTERN.fullmatch(value)):
            raise ValueError(value)
        first, last = DAYS.index(found[1]), DAYS.index(found[2])
        hours = cls(frozenset(range(first, last + 1)), time.fromisoformat(found[3]), time.fromisoformat(found[4]))
        if first > last or hours.start >= hours.end:
            raise ValueError(value)
        return hours

    def first_day_within(self, start: datetime, end: datetime) -> date | None:
        """Return the first day on which a time span, in local time, has a moment within the hours."""
        return next((day for day in days_of(start, end) if self._has_moment(day, start, end)), None)

    def _has_moment(self, day: date, start: datetime, end: datetime) -> bool:
        opens, closes = (datetime.combine(day, at, start.tzinfo) for at in (self.start, self.end))
        return day.weekday() in self.days and start < closes and opens < end


def days_of(start: datetime, end: datetime) -> list[date]:
    """Return the days, at most a week of them, on which a time span in local time has a moment; its end excluded."""
    week = (start.date() + timedelta(days=number) for number in range(7))
    return list(takewhile(lambda day: day == start.date() or datetime.combine(day, time.min, start.tzinfo) < end, week))
