"""Times, time spans and numbers as text in the active language and time zone.

Danes write “den 11. oktober 2023 kl. 19.00 CEST”, the British “11 October 2023,
19:00 CEST”. The patterns (in Django's date format letters) are translated, so each
language has its own in its catalogue. Month names come from Django.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import cache

from django.utils import dateformat, timezone
from django.utils.formats import number_format
from django.utils.translation import ngettext, pgettext


def moment(value: datetime) -> str:
    """Return date, time of day and zone."""
    return _local(value, pgettext("date format", "j F Y, H:i T"))


def short_moment(value: datetime) -> str:
    """Return a compact date and time, for tables."""
    return _local(value, pgettext("date format", "j M Y, H:i"))


def day(value: date) -> str:
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return _format(value, pgettext("date format", "j F Y"))


def weekday(value: date) -> str:
    """Return a day with its weekday, for headings."""
    name = _format(value, pgettext("date format", "l j F Y"))
    return name[0].upper() + name[1:]


def days(first: date, last: date) -> str:
    """Return a day or a range of days, without the year."""
    pattern = pgettext("date format", "j F")
    if first == last:
        return _format(first, pattern)
    if (first.year, first.month) == (last.year, last.month):
        start = _format(first, pgettext("date format", "j"))
        return pgettext("time span", "%(start)s–%(end)s") % {"start": start, "end": _format(last, pattern)}
    return pgettext("time span", "%(start)s – %(end)s") % {
        "start": _format(first, pattern),
        "end": _format(last, pattern),
    }


def month(value: date) -> str:
    """Return month and year, for headings."""
    return _format(value, pgettext("date format", "F Y"))


def time_of_day(value: datetime) -> str:
    """Return the time of day and zone."""
    return _local(value, pgettext("date format", "H:i T"))


def span(
    start: datetime, end: datetime | None, wrap: Callable[[datetime, str], str] = lambda _value, text: text
) -> str:
    """Return a time span in the page's time zone, without repeating a day, year or zone that both ends share.

    `wrap` encloses the text of each time in markup, such as `<time>`.
    """
    if end is None:
        return pgettext("time span", "since %(start)s") % {"start": wrap(start, moment(start))}
    if timezone.localtime(start).date() != timezone.localtime(end).date():
        return _span_of_days(start, end)
    return pgettext("time span of one day", "%(day)s, %(from)s–%(to)s") % {
        "day": day(start),
        "from": _local(start, _start_of_span(start, end)),
        "to": _local(end, pgettext("end of a time span", "H:i T")),
    }


def began(start: datetime, wrap: Callable[[datetime, str], str] = lambda _value, text: text) -> str:
    """Return the start of what is ongoing, as a fact of its own next to another one; `wrap` as in `span`."""
    return pgettext("start of an incident", "began %(start)s") % {"start": wrap(start, moment(start))}


def _span_of_days(start: datetime, end: datetime) -> str:
    # The zone comes once, at the end, unless it changes in between; the year once, at the start, unless it changes.
    opening = pgettext("date format", "j F Y, H:i")
    closing = pgettext("date format", "j F, H:i T")
    has_one_year = timezone.localtime(start).year == timezone.localtime(end).year
    return pgettext("time span", "%(start)s to %(end)s") % {
        "start": _local(start, opening) if _has_one_zone(start, end) else moment(start),
        "end": _local(end, closing) if has_one_year else moment(end),
    }


def _start_of_span(start: datetime, end: datetime) -> str:
    # Return the pattern for the start: without the zone, unless it changes before the end.
    if _has_one_zone(start, end):
        return pgettext("start of a time span", "H:i")
    return pgettext("start of a time span", "H:i T")


def _has_one_zone(start: datetime, end: datetime) -> bool:
    return timezone.localtime(start).tzname() == timezone.localtime(end).tzname()


def duration(length: timedelta, units: int = 2) -> str:
    """Return a duration in its largest units, rounded down; at least one minute."""
    minutes = max(int(length.total_seconds()) // 60, 1)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [
        ngettext("%(count)d day", "%(count)d days", days) % {"count": days} if days else "",
        ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours} if hours else "",
        ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes} if minutes else "",
    ]
    return pgettext("joins two parts of a duration", " and ").join([part for part in parts if part][:units])


def percent(share: float) -> str:
    """Return a share (0 to 1) as a percentage with two decimals, rounded down: 99.999 % is not 100 %."""
    value = (Decimal(str(share)) * 100).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
    return pgettext("a number in per cent", "%s%%") % number_format(value, 2)


def iso(value: datetime) -> str:
    """Return the value for `<time datetime>`: UTC to the second, which HTML validators accept."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(value: datetime, pattern: str) -> str:
    return _format(timezone.localtime(value), pattern)


def _format(value: date, pattern: str) -> str:
    letters = _Letters(value)
    return "".join([str(getattr(letters, part)()) if is_letter else part for is_letter, part in _parts(pattern)])


class _Letters(dateformat.DateFormat):
    """What each letter of a pattern stands for, without Django's search for times that occur twice or never."""

    def __init__(self, value: date) -> None:
        self.data = value

    # Django omits the zone in the hour that occurs twice, where only the zone distinguishes the two.
    def T(self) -> str:  # noqa: N802 - the format letter
        return f"{self.data:%Z}"


@cache  # there are a few patterns per language, and each page has dozens of times
def _parts(pattern: str) -> list[tuple[bool, str]]:
    # Split into letters and the text between them, where a backslash precedes a letter that is text.
    parts = dateformat.re_formatchars.split(pattern)
    return [(index % 2 == 1, part if index % 2 else re.sub(r"\\(.)", r"\1", part)) for index, part in enumerate(parts)]
