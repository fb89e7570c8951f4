"""Releases announcements and delivers them, as the scheduler and the workers do, at times that a test sets."""

from datetime import datetime, timedelta

import time_machine
from django.utils import timezone

from incidents.models import Delivery, Destination, Holder, StaleSubject
from incidents.notifications import jobs, release
from incidents.notifications.ledger import claims, destinations, holders, recovery
from incidents.notifications.sender.email_workers import MessageWorker


def release_held(now: datetime | None = None) -> int:
    """Release what is due, as the scheduler does once the page is published. Return the number of announcements."""
    StaleSubject.objects.all().delete()
    return release.release_due(now or timezone.now())


def deliver_due(batch: int = 100) -> None:
    """Recover abandoned deliveries, give up old ones, then send everything that is due now."""
    recovery.recover_abandoned(timezone.now())
    destinations.give_up_exhausted(timezone.now())
    for announcement in recovery.announcements_due(timezone.now()):
        jobs.deliver(announcement, batch)
    if recovery.are_messages_due(timezone.now()):
        while MessageWorker().run():
            pass
        claims.delete_orphans(None, timezone.now())


def let_time_pass(clock: time_machine.Traveller, length: timedelta) -> None:
    """Deliver at each moment at which something is due, until `length` is over."""
    end = timezone.now() + length
    while (moment := min([*_moments(timezone.now()), end])) < end:
        clock.move_to(moment)
        deliver_due()
    clock.move_to(end)
    deliver_due()


def _moments(now: datetime) -> list[datetime]:
    """Return when waiting deliveries are due, jobs count as dead and backoffs end."""
    waiting = Delivery.objects.waiting().filter(next_attempt_at__gt=now).values_list("next_attempt_at", flat=True)
    pauses = Destination.objects.in_trouble().filter(retry_at__gt=now).values_list("retry_at", flat=True)
    # A dead job is suspected, and counts as dead when it is looked at once more.
    silent = [now + holders.SILENCE * times for times in (1, 2) if Holder.objects.exists()]
    return [moment + timedelta(seconds=1) for moment in {*waiting, *pauses, *silent} if moment is not None]
