"""The archive: the index of all months, one page per month, one per component."""

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
from ...status import Kind
from ...uptime import midnight
from ..reading import months
from ..reading.history import History, histories, shown_since, zone
from ..reading.story import Stories, Story, with_texts
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage
from .social import component_picture

UPTIME_MONTHS = 12
NEWEST = 30  # incidents on a component's page; the history has all of them


@dataclass(frozen=True)
class Month:
    """A month, and how many incidents and how much planned maintenance started in it."""

    first: date
    incidents: int
    maintenances: int

    @property
    def is_quiet(self) -> bool:
        return not self.incidents and not self.maintenances


@dataclass(frozen=True)
class Year:
    number: int
    months: list[Month]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing started in it, so that it is folded into one line."""
        return all(month.is_quiet for month in self.months)


@dataclass(frozen=True)
class MonthOfUptime:
    first: date
    uptime: float | None


class HistoryIndex(PublicPage, SingleDocument):
    """Lists every month since the first incident, so that each incident is at most two links away."""

    template = "public/history.html"

    def path(self, key: str, language: str) -> str:
        return links.history(language)

    def render(self, key: str, edition: Edition) -> str:
        counted = reversed(edition.shared(_months_of_archive))
        years = [Year(year, list(group)) for year, group in groupby(counted, key=lambda month: month.first.year)]
        return self.render_template(key, edition, years=years)


class HistoryMonth(PublicPage):
    """The incidents that started in a month of the page's zone; `key` is `2023-10`."""

    template = "public/month.html"
    archived = "month"

    def all_keys(self) -> Iterable[str]:
        with timezone.override(Page.objects.brief().time_zone):
            return [f"{month:%Y-%m}" for month in months.between(*_archive_span())]

    def by_month(self) -> Iterable[tuple[str, str]]:
        return [(key, key) for key in self.all_keys()]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        """Return the months of the subjects, and those whose links to the previous or next month may change."""
        with timezone.override(Page.objects.brief().time_zone):
            (first, last), this_month = _archive_span(), months.month_of(timezone.now())
        touched = [months.parse(key) for key in subjects.of("month")]
        if "day" in subjects.names:  # a new month may have begun, and the previous one links to it
            touched += [months.before(this_month), this_month]
        for month in list(touched):
            if month <= first or month > this_month:  # the archive may have gained or lost months
                touched += months.between(min(month, first), max(month, last))
        return [f"{month:%Y-%m}" for month in sorted(set(touched))]

    def path(self, key: str, language: str) -> str:
        return links.history(language, months.parse(key))

    def render(self, key: str, edition: Edition) -> str | None:
        month, (first, last) = months.parse(key), edition.shared(_archive_span)
        if not first <= month <= last:
            return None
        return self.render_template(
            key,
            edition,
            month=month,
            stories=edition.shared(_started_in, month),
            earlier=months.before(month) if month != first else None,
            later=months.next_month(month) if month != last else None,
        )


class ComponentPage(PublicPage):
    """A component's state, its ninety days, its uptime per month and its incidents; `key` is its slug."""

    template = "public/component.html"

    def all_keys(self) -> Iterable[str]:
        return Component.objects.public().values_list("slug", flat=True)

    def touched(self, subjects: Subjects) -> Iterable[str]:
        if "day" in subjects.names:  # the bars of all components move by a day
            return self.all_keys()
        return component_slugs(subjects)

    def path(self, key: str, language: str) -> str:
        return links.component(key, language)

    def render(self, key: str, edition: Edition) -> str | None:
        context = edition.shared(_component_context, key, edition.now, edition.stories)
        return self.render_template(key, edition, **context) if context else None


def component_slugs(subjects: Subjects) -> list[str]:
    """Return the slugs of the touched components, including previous ones."""
    touched = Component.objects.filter(pk__in=subjects.of("component"))
    return [*touched.values_list("slug", flat=True), *subjects.of("slug")]


def _component_context(slug: str, now: datetime, stories: Stories) -> dict[str, Any] | None:
    # Return the template context; None if no public component has this slug.
    component = Component.objects.public().select_related("group").filter(slug=slug).first()
    if component is None:
        return None
    affecting = Incident.objects.public().filter(
        updates__affected__component=component, updates__published_at__isnull=False
    )
    newest = list(affecting.newest_first().values_list("pk", "started_at").distinct()[: NEWEST + 1])
    return {
        "state": component.status,
        "picture": component_picture(component.status),
        "component": component,
        "history": histories([component], shown_since(now), now)[component.pk],
        "months": _uptime_by_month(component, now),
        "stories": stories.of(pk for pk, _start in newest[:NEWEST]),
        "has_older": len(newest) > NEWEST,
    }


def _started_in(month: date) -> list[Story]:
    started = Incident.objects.public().filter(
        started_at__gte=midnight(month, zone()), started_at__lt=midnight(months.next_month(month), zone())
    )
    return with_texts(started.newest_first())


def _archive_span() -> tuple[date, date]:
    # Return the first and last month of the archive, which always includes this month.
    this_month = months.month_of(timezone.now())
    limits = Incident.objects.public().aggregate(first=Min("started_at"), last=Max("started_at"))
    limiting = [this_month, *(months.month_of(moment) for moment in limits.values() if moment)]
    return min(limiting), max(limiting)


def _months_of_archive() -> list[Month]:
    # Count what started in each month of the archive, oldest first, in one query.
    by_month = Incident.objects.public().order_by().values_list(TruncMonth("started_at", tzinfo=zone()), "kind")
    numbers = {(month.date(), kind): count for month, kind, count in by_month.annotate(Count("id"))}
    found = [months.month_of(timezone.now()), *(month for month, _kind in numbers)]
    return [
        Month(month, numbers.get((month, Kind.INCIDENT), 0), numbers.get((month, Kind.MAINTENANCE), 0))
        for month in months.between(min(found), max(found))
    ]


def _uptime_by_month(component: Component, now: datetime) -> list[MonthOfUptime]:
    # Return the last twelve months, newest first, without those before the component was in service.
    last = months.month_of(now)
    first = months.before(last, UPTIME_MONTHS - 1)
    history: History = histories([component], first, now)[component.pk]
    counted = [
        MonthOfUptime(month, history.uptime_between(month, months.next_month(month)))
        for month in months.between(first, last)
    ]
    return [month for month in reversed(counted) if month.uptime is not None]
