"""The statuses of components over time, read for many components in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from ...claims import Change
from ...models import Component, Incident, StatusChange
from ...status import ComponentStatus
from ...uptime import Day, StatusPeriod, days, midnight, status_periods, uptime

SHOWN_DAYS = 90
# Days shown on a phone: the newest ones.
SHOWN_DAYS_NARROW = 45
_SHOWN = {"wide": SHOWN_DAYS, "narrow": SHOWN_DAYS_NARROW}

# The height of a bar, up to 32 units, shows the state without colour.
_HEIGHTS = {
    None: 2,
    ComponentStatus.OPERATIONAL: 10,
    ComponentStatus.UNDER_MAINTENANCE: 16,
    ComponentStatus.DEGRADED_PERFORMANCE: 20,
    ComponentStatus.PARTIAL_OUTAGE: 26,
    ComponentStatus.MAJOR_OUTAGE: 32,
}


@dataclass(frozen=True)
class Disruption:
    """A run of days with the same worst state and the same incidents.

    If it is ongoing, `duration` is that at the time of writing; readers see it later.
    """

    first: date
    last: date
    state: ComponentStatus
    duration: timedelta
    is_ongoing: bool
    incidents: list[Incident]


@dataclass(frozen=True)
class Share:
    """The uptime of the days whose bars are shown at a width of the screen, `wide` or `narrow`."""

    width: str
    uptime: float
    days: int


@dataclass(frozen=True)
class History:
    """A component's statuses from `first` to `last`, days in the page's zone."""

    component: Component
    periods: list[StatusPeriod]
    first: date
    last: date
    zone: ZoneInfo
    incidents: dict[str, Incident]

    @cached_property
    def days(self) -> list[Day]:
        return days(self.periods, self.first, self.last, self.zone)

    @cached_property
    def uptime(self) -> float | None:
        return uptime(self.periods)

    @cached_property
    def shares(self) -> list[Share]:
        """Return the uptime for each width, with the number of days that it is counted from."""
        return [share for width, days in _SHOWN.items() if (share := self._share(width, self.days[-days:]))]

    def _share(self, width: str, shown: Sequence[Day]) -> Share | None:
        share = uptime(self.periods, midnight(shown[0].date, self.zone))
        return None if share is None else Share(width, share, sum(1 for day in shown if day.worst is not None))

    @cached_property
    def in_service(self) -> int:
        """Return the number of days on which the component was in service."""
        return sum(1 for day in self.days if day.worst is not None)

    @cached_property
    def disruptions(self) -> list[Disruption]:
        """Return the disruptions, newest first; days with the same state and incidents are joined."""
        disruptions: list[Disruption] = []
        for (state, causes), run in groupby(self.days, key=lambda day: (day.worst, day.causes)):
            if state in {None, ComponentStatus.OPERATIONAL}:
                continue
            same = list(run)
            first, last, status = same[0].date, same[-1].date, ComponentStatus(state)
            duration = sum((day.in_worst for day in same), timedelta())
            incidents = [self.incidents[cause] for cause in causes if cause in self.incidents]
            is_ongoing = same[-1] is self.days[-1] and self.periods[-1].status == state
            disruptions.append(Disruption(first, last, status, duration, is_ongoing, incidents))
        return disruptions[::-1]

    @cached_property
    def operational_days(self) -> int:
        """Return the number of days on which it was operational throughout."""
        return sum(1 for day in self.days if day.worst == ComponentStatus.OPERATIONAL)

    def uptime_between(self, first: date, after: date) -> float | None:
        """Return the uptime from `first` up to but not including `after`."""
        return uptime(self.periods, midnight(first, self.zone), midnight(after, self.zone))

    @cached_property
    def bars(self) -> list[tuple[str, str]]:
        """Return (state, SVG path) of the bars, 4 units wide a day and 32 high; state "" if not yet in service."""
        paths: dict[str, str] = defaultdict(str)
        for place, day in enumerate(self.days):
            height = _HEIGHTS[day.worst]
            paths[day.worst or ""] += f"M{4 * place} {32 - height}h3v{height}h-3z"
        return list(paths.items())

    @property
    def bars_width(self) -> int:
        return 4 * len(self.days) - 1


def histories(components: Sequence[Component], first: date, now: datetime) -> dict[str, History]:
    """Return the history of each component by its id, from `first` until now, in three queries."""
    last = timezone.localtime(now).date()
    changes, incidents = _changes(components, midnight(first, zone()))
    return {
        component.pk: History(
            component,
            status_periods(changes[component.pk], _start_of_record(component, changes[component.pk], first), now),
            first,
            last,
            zone(),
            incidents,
        )
        for component in components
    }


def zone() -> ZoneInfo:
    """Return the page's time zone, which is active while a document is rendered."""
    return ZoneInfo(timezone.get_current_timezone_name())


def shown_since(now: datetime) -> date:
    """Return the first of the SHOWN_DAYS days that a page shows; today is the last."""
    return timezone.localtime(now).date() - timedelta(days=SHOWN_DAYS - 1)


def _start_of_record(component: Component, changes: Sequence[Change], first: date) -> datetime:
    # Return when counting starts: when the component came into service, as stated or first recorded.
    if component.start_date:
        return midnight(max(component.start_date, first), zone())
    earliest = min([component.created_at, *(change.at for change in changes)])
    return midnight(max(timezone.localtime(earliest).date(), first), zone())


def _changes(components: Iterable[Component], start: datetime) -> tuple[dict[str, list[Change]], dict[str, Incident]]:
    # Return per component the changes since `start` and the last one before it; and their public incidents.
    recorded = StatusChange.objects.filter(component__in=list(components))
    # A subquery per component reads one index entry each, however long the record is.
    earlier = StatusChange.objects.filter(component=OuterRef("pk"), at__lte=start).order_by("-at")
    newest = Component.objects.filter(pk__in=[component.pk for component in components]).values(
        last=Subquery(earlier.values("pk")[:1])
    )
    changes: dict[str, list[Change]] = defaultdict(list)
    for row in (*recorded.filter(pk__in=newest), *recorded.filter(at__gt=start).order_by("at")):
        changes[row.component_id].append(Change(row.at, ComponentStatus(row.status), tuple(row.causes)))
    causes = {cause for record in changes.values() for change in record for cause in change.causes}
    return changes, Incident.objects.public().in_bulk(causes)
