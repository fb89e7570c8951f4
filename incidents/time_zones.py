"""The names of all time zones. Pure: does not import Django."""

from functools import cache
from zoneinfo import available_timezones


@cache
def names() -> frozenset[str]:
    """Return the names that this machine knows; it searches hundreds of files for them, so only once."""
    return frozenset(available_timezones())
