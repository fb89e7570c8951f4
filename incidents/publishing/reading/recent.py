"""The last days on the home page: what ended on each day, with runs of days without incidents joined."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Min, Q
from django.utils import timezone

from ...models import Component, Incident
from ...uptime import midnight
from .history import zone

RECENT_DAYS = 7


@dataclass
class Days:
    """A day and the incidents that ended on it, or a run of days (`first` to `last`) without incidents."""

    first: date
    last: date
    incidents: list[Incident] = field(default_factory=list)


def recent_days(now: datetime, components: Iterable[Component]) -> list[Days]:
    """Return the last RECENT_DAYS days, newest first, in two queries.

    Days within a longer incident are left out, and those before there was anything to record.
    """
    today = timezone.localtime(now).date()
    first = max(today - timedelta(days=RECENT_DAYS - 1), _start_of_record(components) or date.max)
    incidents = list(
        Incident.objects.public()
        .filter(Q(started_at__lte=now) | Q(ended_at__lte=now))
        .filter(Q(ended_at=None) | Q(ended_at__gte=midnight(first, zone())))
        .newest_first()
    )
    return _joined(_day(today - timedelta(days=back), incidents) for back in range((today - first).days + 1))


def _start_of_record(components: Iterable[Component]) -> date | None:
    # Return the day on which a component came into service or the first incident began, whichever is earlier.
    oldest = Incident.objects.public().incidents().aggregate(oldest=Min("started_at"))["oldest"]
    begun = [timezone.localtime(oldest).date()] if oldest else []
    return min(
        [*begun, *(one.start_date or timezone.localtime(one.created_at).date() for one in components)], default=None
    )


def _day(day: date, incidents: Iterable[Incident]) -> Days | None:
    # Return the day with what ended on it; None if an incident was ongoing but none ended.
    ongoing = [incident for incident in incidents if _first(incident) <= day <= _last(incident)]
    ended = [incident for incident in ongoing if incident.is_over and _last(incident) == day]
    if ended or all(incident.is_maintenance for incident in ongoing):
        return Days(day, day, ended)
    return None


def _joined(days: Iterable[Days | None]) -> list[Days]:
    # Join runs of days without incidents; the days are newest first.
    joined: list[Days] = []
    for day in days:
        previous = joined[-1] if joined else None
        if day is None:
            continue
        adjacent = previous is not None and previous.first - timedelta(days=1) == day.last
        if previous is not None and adjacent and not previous.incidents and not day.incidents:
            previous.first = day.first
        else:
            joined.append(day)
    return joined


def _first(incident: Incident) -> date:
    # Return the first day; cancelled maintenance ended before its planned start.
    return timezone.localtime(min(incident.started_at, incident.ended_at or incident.started_at)).date()


def _last(incident: Incident) -> date:
    return timezone.localtime(incident.ended_at).date() if incident.ended_at else date.max
