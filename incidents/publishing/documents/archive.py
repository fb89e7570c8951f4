"""The pages of what was: the index of all months, one page per month, one per component."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, Max, Min
from django.db.models.functions import TruncMonth
from django.utils import timezone

from ... import links
from ...models import Component, Incident, Page
from ...uptime import midnight
from ..reading import months
from ..reading.history import History, histories, shown_since, zone
from ..reading.story import Story, with_timeline
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage
from .social import component_picture

UPTIME_MONTHS = 12
NEWEST = 30  # incidents on a component's page; all of them stand in the history


@dataclass(frozen=True)
class Month:
    """A month and how many incidents began in it."""

    first: date
    number: int


@dataclass(frozen=True)
class MonthOfUptime:
    first: date
    uptime: float | None


class HistoryIndex(PublicPage, SingleDocument):
    """Every month since the first incident, so that each is at most two links away."""

    template = "public/history.html"

    def path(self, key: str, language: str) -> str:
        return links.history(language)

    def render(self, key: str, edition: Edition) -> str:
        counted = [Month(month, number) for month, number in reversed(edition.read_once(_counted).items())]
        years = [(year, list(found)) for year, found in groupby(counted, key=lambda month: month.first.year)]
        return self.written(key, edition, years=years)


class HistoryMonth(PublicPage):
    """The incidents that began in a month of the page's zone; `key` is `2023-10`."""

    template = "public/month.html"
    archived = "month"

    def all_keys(self) -> Iterable[str]:
        with timezone.override(Page.objects.current().time_zone):
            return [f"{month:%Y-%m}" for month in months.between(*_span())]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        """The months themselves, and those whose links to the earlier and later month may have changed."""
        with timezone.override(Page.objects.current().time_zone):
            (first, last), this_month = _span(), months.month_of(timezone.now())
        found = [months.parsed(key) for key in subjects.of("month")]
        if "day" in subjects.names:  # a month may have begun, which the one before links to
            found += [months.before(this_month), this_month]
        for month in list(found):
            if month <= first or month > this_month:  # the archive may have grown by some months, or lost some
                found += months.between(min(month, first), max(month, last))
        return [f"{month:%Y-%m}" for month in sorted(set(found))]

    def path(self, key: str, language: str) -> str:
        return links.history(language, months.parsed(key))

    def render(self, key: str, edition: Edition) -> str | None:
        month, (first, last) = months.parsed(key), edition.read_once(_span)
        if not first <= month <= last:
            return None
        return self.written(
            key,
            edition,
            month=month,
            stories=edition.read_once(_begun_in, month),
            earlier=months.before(month) if month != first else None,
            later=months.following(month) if month != last else None,
        )


class ComponentPage(PublicPage):
    """A component's state, its ninety days, its uptime per month and its incidents; `key` is its slug."""

    template = "public/component.html"

    def all_keys(self) -> Iterable[str]:
        return Component.objects.public().values_list("slug", flat=True)

    def touched(self, subjects: Subjects) -> Iterable[str]:
        if "day" in subjects.names:  # every bar moves by one
            return self.all_keys()
        return component_slugs(subjects)

    def path(self, key: str, language: str) -> str:
        return links.component(key, language)

    def render(self, key: str, edition: Edition) -> str | None:
        found = edition.read_once(_about, key, edition.now)
        return self.written(key, edition, **found) if found else None


def component_slugs(subjects: Subjects) -> list[str]:
    """The address names of the components touched, earlier ones too."""
    touched = Component.objects.filter(pk__in=subjects.of("component"))
    return [*touched.values_list("slug", flat=True), *subjects.of("slug")]


def _about(slug: str, now: datetime) -> dict[str, Any] | None:
    """What a component's page says; None where no public component has the address name."""
    component = Component.objects.public().select_related("group").filter(slug=slug).first()
    if component is None:
        return None
    touching = Incident.objects.public().filter(
        updates__affected__component=component, updates__published_at__isnull=False
    )
    newest = with_timeline(touching.distinct().newest_first()[: NEWEST + 1])
    return {
        "state": component.status,
        "picture": component_picture(component.status),
        "component": component,
        "history": histories([component], shown_since(now), now)[component.pk],
        "months": _uptime_by_month(component, now),
        "stories": newest[:NEWEST],
        "has_older": len(newest) > NEWEST,
    }


def _begun_in(month: date) -> list[Story]:
    begun = Incident.objects.public().filter(
        started_at__gte=midnight(month, zone()), started_at__lt=midnight(months.following(month), zone())
    )
    return with_timeline(begun.newest_first())


def _span() -> tuple[date, date]:
    """The first and the last month of the archive; this month is always part of it."""
    this_month = months.month_of(timezone.now())
    found = Incident.objects.public().aggregate(first=Min("started_at"), last=Max("started_at"))
    begun = [months.month_of(moment) for moment in found.values() if moment]
    return min([this_month, *begun]), max([this_month, *begun])


def _counted() -> dict[date, int]:
    """Every month of the archive, and how many incidents began in it; one query, counted by the database."""
    by_month = Incident.objects.public().order_by().values_list(TruncMonth("started_at", tzinfo=zone()))
    number = {month.date(): count for month, count in by_month.annotate(Count("id"))}
    this_month = months.month_of(timezone.now())
    every = months.between(min([this_month, *number]), max([this_month, *number]))
    return {month: number.get(month, 0) for month in every}


def _uptime_by_month(component: Component, now: datetime) -> list[MonthOfUptime]:
    """The last twelve months, newest first, as far back as it was in service."""
    last = months.month_of(now)
    first = months.before(last, UPTIME_MONTHS - 1)
    whole: History = histories([component], first, now)[component.pk]
    counted = [
        MonthOfUptime(month, whole.uptime_between(month, months.following(month)))
        for month in months.between(first, last)
    ]
    return [month for month in reversed(counted) if month.uptime is not None]
