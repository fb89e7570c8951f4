"""Months as their first day, in the page's zone."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.utils import timezone


def month_of(moment: datetime) -> date:
    """The month that a moment falls into."""
    return timezone.localtime(moment).date().replace(day=1)


def parsed(key: str) -> date:
    """The month that `2023-10` names."""
    return date.fromisoformat(f"{key}-01")


def following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def before(month: date, steps: int = 1) -> date:
    """The month so many months earlier."""
    for _step in range(steps):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


def between(first: date, last: date) -> Iterator[date]:
    """Every month from `first` to `last`, both included."""
    while first <= last:
        yield first
        first = following(first)
