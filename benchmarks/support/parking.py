"""Postpones all deliveries of a destination and frees them, with the time of each statement. Needs Django to be set up.

The destination fails and recovers as a worker records it. In between, its probe is
claimed, and what can be claimed of an announcement of which everything waits.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from benchmarks.results import percentile
from incidents.models import Announcement, Delivery
from incidents.notifications.channels.base import Reply
from incidents.notifications.ledger import claims, destinations, holders

BUSY = Reply(451, "4.7.500 Server busy")
# When the destination is due for a probe.
LATER = timedelta(hours=1)


class Statements:
    """The times of all statements that run in the context."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.monotonic()
        try:
            return execute(*arguments)
        finally:
            self.seconds.append(time.monotonic() - begun)


def fail_and_recover(rounds: int) -> dict[str, float]:
    """Return the worst of the rounds: seconds of the moves and claims, and of their statements."""
    seen = [_one_round() for _ in range(rounds)]
    worst = {name: max(one[name] for one in seen) for name in seen[0]}
    return worst | {name: min(one[name] for one in seen) for name in ("postponed", "freed")}


def _one_round() -> dict[str, float]:
    now, announcement = timezone.now(), Announcement.objects.latest("id").pk
    holder = holders.register(now)
    with transaction.atomic():
        (row,) = claims.claim(holder, announcement, 1, now)
    claims.give_up(holder, [row])
    with _timed() as postpone:
        destinations.record_failure(row.destination, BUSY, now, attempted=row, by_probe=False)
        destinations.move_all_waiting(row.destination, now)
    postponed = Delivery.objects.filter(next_attempt_at__gt=now).count()
    with _timed() as others:
        assert claims.claim(holder, announcement, 1000, now) == []
    with _timed() as probe:
        probes = claims.claim(holder, announcement, 1000, now + LATER)
    assert [one.probes for one in probes] == [(row.destination,)]
    claims.give_up(holder, probes)
    with _timed() as free:
        destinations.record_recovery(row.destination, now)
        destinations.move_all_waiting(row.destination, now)
    holders.end(holder)
    return {
        "postponed": postponed,
        "postpone": postpone["seconds"],
        "longest_to_postpone": postpone["longest"],
        "p99_to_postpone": postpone["p99"],
        "claim_of_others": others["seconds"],
        "probe_claim": probe["seconds"],
        "free": free["seconds"],
        "longest_to_free": free["longest"],
        "p99_to_free": free["p99"],
        "freed": Delivery.objects.due(timezone.now()).count(),
    }


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    statements, found = Statements(), dict[str, float]()
    begun = time.monotonic()
    with connection.execute_wrapper(statements):
        yield found
    seconds = statements.seconds
    found |= {"seconds": time.monotonic() - begun, "longest": max(seconds), "p99": percentile(seconds, 99)}
