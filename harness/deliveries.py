"""Releasing announcements and delivering them, as the scheduler and the workers do, in a test's own time."""

from datetime import datetime, timedelta

import time_machine
from django.utils import timezone

from incidents.models import Delivery, Destination, StaleSubject
from incidents.notifications import jobs, release
from incidents.notifications.ledger import recovery


def release_held(now: datetime | None = None) -> int:
    """As the scheduler does once the page is written; returns how many were due."""
    StaleSubject.objects.all().delete()
    return release.release_due(now or timezone.now())


def deliver_due(batch: int = 100) -> None:
    """Does what is due now: recovers abandoned deliveries, then sends all that wait."""
    recovery.recover_abandoned(timezone.now())
    for announcement in recovery.announcements_due(timezone.now()):
        jobs.deliver(announcement, batch)


def let_time_pass(clock: time_machine.Traveller, length: timedelta) -> None:
    """Delivers at each moment at which something falls due, until `length` is over."""
    end = timezone.now() + length
    while (moment := min([*_moments(timezone.now()), end])) < end:
        clock.move_to(moment)
        deliver_due()
    clock.move_to(end)
    deliver_due()


def _moments(now: datetime) -> list[datetime]:
    """When a waiting delivery, a lease or a destination's backoff falls due."""
    waiting = Delivery.objects.waiting().filter(next_attempt_at__gt=now).values_list("next_attempt_at", flat=True)
    leases = Delivery.objects.filter(lease_until__gt=now).values_list("lease_until", flat=True)
    pauses = Destination.objects.in_trouble().filter(retry_at__gt=now).values_list("retry_at", flat=True)
    return [moment + timedelta(seconds=1) for moment in {*waiting, *leases, *pauses} if moment is not None]
