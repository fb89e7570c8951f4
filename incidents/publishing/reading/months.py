"""Months, represented by their first day, in the page's time zone."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.utils import timezone

from ...models import Page
from ...models.incidents import IncidentQuerySet


def month_of(moment: datetime) -> date:
    """Return the month that contains a moment."""
    return timezone.localtime(moment).date().replace(day=1)


def started(incidents: IncidentQuerySet) -> list[tuple[str, str]]:
    """Return (month such as `2023-10`, id) of each incident by its start, newest first."""
    with timezone.override(Page.objects.brief().time_zone):
        starts = incidents.newest_first().values_list("started_at", "pk")
        return [(f"{timezone.localtime(start):%Y-%m}", key) for start, key in starts]


def parse(key: str) -> date:
    """Return the month of a key such as `2023-10`."""
    return date.fromisoformat(f"{key}-01")


def next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def before(month: date, steps: int = 1) -> date:
    """Return the month `steps` months earlier."""
    for _step in range(steps):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


def between(first: date, last: date) -> Iterator[date]:
    """Yield every month from `first` to `last`, both included."""
    while first <= last:
        yield first
        first = next_month(first)
