"""The pages of what was: the index of all months, one page per month, one per component."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db.models.functions import TruncMonth
from django.utils import timezone

from .. import links
from ..models import Component, Incident, Page
from ..uptime import midnight
from . import months
from .documents import Edition, SingleDocument, Subjects
from .history import History, histories, shown_since, zone
from .pages import PublicPage
from .story import told

UPTIME_MONTHS = 12


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
        counted = [Month(month, number) for month, number in reversed(_counted().items())]
        years = [(year, list(found)) for year, found in groupby(counted, key=lambda month: month.first.year)]
        return self.written(key, edition, years=years)


class HistoryMonth(PublicPage):
    """The incidents that began in a month of the page's zone; `key` is `2023-10`."""

    template = "public/month.html"

    def all_keys(self) -> Iterable[str]:
        with timezone.override(Page.objects.current().time_zone):
            return [f"{month:%Y-%m}" for month in _counted()]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        """A month and its neighbours, which link to it; all of them where the first month may have changed."""
        touched = [*subjects.of("month"), *self._this_month(subjects)]
        every = list(self.all_keys())
        if any(key <= min(every) for key in touched):
            return sorted({*every, *touched})
        parsed = [months.parsed(key) for key in touched]
        around = {month for each in parsed for month in (months.before(each), each, months.following(each))}
        return sorted({f"{month:%Y-%m}" for month in around} & set(every))

    def _this_month(self, subjects: Subjects) -> list[str]:
        """On a new day a month may have begun."""
        return list(self.all_keys())[-1:] if "day" in subjects.names else []

    def path(self, key: str, language: str) -> str:
        return links.history(language, months.parsed(key))

    def render(self, key: str, edition: Edition) -> str | None:
        month, every = months.parsed(key), list(_counted())
        if month not in every:
            return None
        begun = Incident.objects.public().filter(
            started_at__gte=midnight(month, zone()), started_at__lt=midnight(months.following(month), zone())
        )
        return self.written(
            key,
            edition,
            month=month,
            stories=told(begun.newest_first()),
            earlier=months.before(month) if month != every[0] else None,
            later=months.following(month) if month != every[-1] else None,
        )


class ComponentPage(PublicPage):
    """A component's state, its ninety days, its uptime per month and its incidents; `key` is its slug."""

    template = "public/component.html"

    def all_keys(self) -> Iterable[str]:
        return Component.objects.public().values_list("slug", flat=True)

    def touched(self, subjects: Subjects) -> Iterable[str]:
        if "day" in subjects.names:  # every bar moves by one
            return self.all_keys()
        return Component.objects.filter(pk__in=subjects.of("component")).values_list("slug", flat=True)

    def path(self, key: str, language: str) -> str:
        return links.component(key, language)

    def render(self, key: str, edition: Edition) -> str | None:
        component = Component.objects.public().select_related("group").filter(slug=key).first()
        if component is None:
            return None
        now = timezone.now()
        touching = Incident.objects.public().filter(
            updates__affected__component=component, updates__published_at__isnull=False
        )
        return self.written(
            key,
            edition,
            state=component.status,
            component=component,
            history=histories([component], shown_since(now), now)[component.pk],
            months=_uptime_by_month(component, now),
            stories=told(touching.distinct().newest_first()),
        )


def _counted() -> dict[date, int]:
    """Every month from the first incident's to this one, and how many incidents began in it; one query."""
    started = Incident.objects.public().order_by().values_list(TruncMonth("started_at", tzinfo=zone()), flat=True)
    number = Counter(month.date() for month in started)
    this_month = months.month_of(timezone.now())
    return {month: number[month] for month in months.between(min([*number, this_month]), max([*number, this_month]))}


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
