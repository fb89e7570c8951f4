"""Announcing and working off in a test's own time."""

from datetime import datetime, timedelta
from typing import Any

import time_machine
from django.utils import timezone

from incidents.models import Announcement, Delivery, Destination, Incident, StaleSubject
from incidents.notifications import announcements, delivery
from incidents.status import Phase
from tests.factories import make_incident, make_statement, make_update

START = datetime.fromisoformat("2023-10-09T21:00:00+00:00")


def announced(incident: Incident | None = None, **fields: Any) -> Announcement:
    """An update that was published and is let go: in a new incident, or in the given one."""
    if incident is None:
        incident = make_incident(statement=make_statement(notify=True, **fields))
    else:
        make_update(incident, **{"phase": Phase.MITIGATED, "notify": True, **fields})
    release()
    return Announcement.objects.latest("id")


def release(now: datetime | None = None) -> int:
    """As the clock does once the page is written."""
    StaleSubject.objects.all().delete()
    return announcements.release_due(now or timezone.now())


def work_off(batch: int = 100) -> None:
    """What the sweep and the workers would do now."""
    delivery.recover_abandoned(timezone.now())
    for announcement in delivery.waiting_for_a_job(timezone.now()):
        delivery.work(announcement, batch)


def let_time_pass(clock: time_machine.Traveller, length: timedelta) -> None:
    """Works off whenever something falls due, until `length` is over."""
    end = timezone.now() + length
    while (moment := min([*_moments(timezone.now()), end])) < end:
        clock.move_to(moment)
        work_off()
    clock.move_to(end)
    work_off()


def _moments(now: datetime) -> list[datetime]:
    """When a waiting letter, a lease or a destination's pause falls due."""
    waiting = Delivery.objects.waiting().filter(next_attempt_at__gt=now).values_list("next_attempt_at", flat=True)
    leases = Delivery.objects.filter(lease_until__gt=now).values_list("lease_until", flat=True)
    pauses = Destination.objects.in_trouble().filter(retry_at__gt=now).values_list("retry_at", flat=True)
    return [moment + timedelta(seconds=1) for moment in {*waiting, *leases, *pauses} if moment is not None]


def states(**query: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in Delivery.objects.filter(**query).values_list("state", flat=True):
        counts[state] = counts.get(state, 0) + 1
    return counts
