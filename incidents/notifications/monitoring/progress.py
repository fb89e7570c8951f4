"""The progress of announcements: how many deliveries are sent, waiting and skipped, and why.

Read-only. The number of queries does not depend on the number of announcements.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q

from ...masks import without_addresses
from ...models import WAITING, Announcement, Bounce, Delivery, DeliveryState, Destination, FoldedDeliveries, SkipReason
from ..addressing import relay_name
from . import deferred

# Destinations listed per announcement, those with most deliveries first.
MAX_DESTINATIONS = 10
RATE_WINDOW = timedelta(minutes=1)

# The announcements with deliveries that wait, each found in the index `delivery_claim` from the one before it. DISTINCT
# would read all waiting deliveries.
_NEXT = f"""
SELECT min(announcement_id) FROM {Delivery._meta.db_table} WHERE state IN ('queued', 'deferred', 'uncertain')
"""  # noqa: S608 - own names only
_WITH_WAITING = f"""
WITH RECURSIVE found (id) AS (
    {_NEXT}
    UNION ALL SELECT ({_NEXT} AND announcement_id > found.id) FROM found WHERE found.id IS NOT NULL
)
SELECT id FROM found WHERE id IS NOT NULL
"""  # noqa: S608 - own names only


@dataclass(frozen=True)
class DeferredGroup:
    """Deliveries that wait for the next attempt at one destination. `reply` is the reason, with addresses masked."""

    destination: str
    number: int
    since: datetime
    next_try: datetime
    reply: str


@dataclass
class Progress:
    """One announcement. `counts` is by state, `skipped` by reason; both include folded deliveries."""

    announcement: Announcement
    at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    deferred: list[DeferredGroup] = field(default_factory=list)
    per_minute: int = 0
    bounced: int = 0
    postponed: int = 0  # queued, but not before the next attempt at a failing destination
    relay: Destination | None = None

    @property
    def relay_reply(self) -> str:
        return reply_of(self.relay) if self.relay else ""

    @property
    def status(self) -> str:
        """The announcement's status; once it is released, `sending` or `done`."""
        status = self.announcement.status
        if status in {Announcement.Status.RELEASED, Announcement.Status.PAUSED} and not self.waiting:
            return "done"
        return "sending" if status == Announcement.Status.RELEASED else status.value

    @property
    def states(self) -> list[tuple[str, str, int]]:
        """State, label and number, in the order of the states."""
        return [(one.value, str(one.label), self.counts[one]) for one in DeliveryState if self.counts[one]]

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """Reason, label and number, the most frequent first."""
        return [(one, str(SkipReason(one).label), number) for one, number in self.skipped.most_common()]

    @property
    def audience(self) -> int:
        """The number of subscribers to notify: all except the skipped ones."""
        return self.counts.total() - self.counts[DeliveryState.SKIPPED]

    @property
    def sent(self) -> int:
        return self.counts[DeliveryState.SENT]

    @property
    def waiting(self) -> int:
        """The number of deliveries that are queued, in flight, or waiting for another attempt."""
        return sum(self.counts[state] for state in (*WAITING, DeliveryState.SENDING))

    @property
    def is_live(self) -> bool:
        """Whether the numbers still change."""
        return self.announcement.is_held or self.waiting > 0

    @property
    def time_left(self) -> timedelta | None:
        """The estimated time until the queued deliveries that are due are sent, at the present rate."""
        remaining = self.counts[DeliveryState.QUEUED] + self.counts[DeliveryState.SENDING] - self.postponed
        return timedelta(minutes=remaining / self.per_minute) if remaining and self.per_minute else None


def progress_of(announcements: Sequence[Announcement], now: datetime) -> list[Progress]:
    """Return the progress of each announcement, in the given order."""
    found = {announcement.pk: Progress(announcement, now) for announcement in announcements}
    _add_counts(found)
    live = {pk: one for pk, one in found.items() if one.waiting}
    if live:
        _add_rates(live, now)
        relay = Destination.objects.in_trouble().filter(name=relay_name()).first()
        for one in live.values():
            one.relay = relay
        _add_deferred(live, now)
    no_failure = [Bounce.Consequence.DELAYED, Bounce.Consequence.UNKNOWN]
    bounces = Bounce.objects.filter(announcement__in=list(found)).exclude(consequence__in=no_failure).order_by()
    for pk, number in bounces.values_list("announcement").annotate(rows=Count("*")):
        found[pk].bounced = number
    return list(found.values())


def counts_by_state(announcements: Iterable[Announcement]) -> defaultdict[int, Counter[str]]:
    """Return the number of deliveries in each state, by id of the announcement, in two queries."""
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for pk, state, number in _count([announcement.pk for announcement in announcements]):
        counts[pk][state] += number
    return counts


def in_progress() -> list[Announcement]:
    """Return announcements that are held or have unfinished deliveries, newest first."""
    in_flight = Delivery.objects.filter(state=DeliveryState.SENDING, announcement__isnull=False).order_by()
    ids = {*_with_waiting(), *in_flight.values_list("announcement", flat=True).distinct()}
    found = Announcement.objects.filter(pk__in=ids) | Announcement.objects.held()
    return list(found.select_related("update__incident"))


def oldest_waiting(found: Iterable[Progress]) -> datetime | None:
    """Return when the oldest of these announcements with deliveries that wait was released."""
    released = (one.announcement.expanded_at for one in found if one.waiting)
    return min((at for at in released if at), default=None)


def _with_waiting() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_WITH_WAITING)
        return [pk for (pk,) in cursor.fetchall()]


def _count(ids: list[int]) -> Iterable[tuple[int, str, int]]:
    # Yield announcement, state and number. PostgreSQL needs only the index `delivery_panel` for it, and a third less
    # time if it counts each state by itself than if it compares the states of all rows.
    rows = Delivery.objects.filter(announcement__in=ids).order_by().values_list("announcement_id", "state")
    first, *others = (rows.filter(state=state).annotate(rows=Count("*")) for state in DeliveryState)
    for pk, state, number in first.union(*others, all=True):
        yield pk or 0, state, number
    yield from FoldedDeliveries.objects.filter(announcement__in=ids).values_list("announcement_id", "state", "number")


def _add_counts(found: dict[int, Progress]) -> None:
    for pk, state, number in _count(list(found)):
        found[pk].counts[state] += number
    skipped = Q(announcement__in=list(found), state=DeliveryState.SKIPPED)
    columns = ("announcement_id", "skip_reason")
    for pk, reason, number in (
        Delivery.objects.filter(skipped).order_by().values_list(*columns).annotate(rows=Count("*"))
    ):
        found[pk or 0].skipped[reason] += number
    for pk, reason, number in FoldedDeliveries.objects.filter(skipped).values_list(*columns, "number"):
        found[pk].skipped[reason] += number


def _add_rates(live: dict[int, Progress], now: datetime) -> None:
    recent = Delivery.objects.filter(announcement__in=list(live), state=DeliveryState.SENT)
    recent = recent.filter(sent_at__gt=now - RATE_WINDOW)
    for pk, number in recent.values_list("announcement_id").annotate(rows=Count("*")).order_by():
        live[pk or 0].per_minute = number
    queued = Delivery.objects.filter(announcement__in=list(live), state=DeliveryState.QUEUED, next_attempt_at__gt=now)
    for pk, number in queued.values_list("announcement_id").annotate(rows=Count("*")).order_by():
        live[pk or 0].postponed = number


def _add_deferred(live: dict[int, Progress], now: datetime) -> None:
    rows = deferred.largest_groups(live, now, MAX_DESTINATIONS * len(live))
    replies = _replies([row.sample for row in rows if row.sample])
    names = [row.destination for row in rows]
    failing = {one.name: one for one in Destination.objects.in_trouble().filter(name__in=names)}
    for row in rows:
        destination = failing.get(row.destination)
        reply = reply_of(destination) if destination else replies.get(row.sample or 0, "")
        found = live[row.announcement].deferred
        if len(found) < MAX_DESTINATIONS:
            found.append(DeferredGroup(row.destination, row.number, row.since, row.next_try, reply))


def reply_of(destination: Destination) -> str:
    """Return the latest reply of a failing destination, with addresses masked."""
    return _with_code(destination.reply_code, without_addresses(destination.reply, ""))


def _replies(ids: list[int]) -> dict[int, str]:
    rows = Delivery.objects.filter(pk__in=ids).select_related("subscriber")
    return {row.pk: _with_code(row.reply_code, row.subscriber.masked_reply(row.reply)) for row in rows}


def _with_code(code: int | None, reply: str) -> str:
    return f"{code} {reply}".strip() if code else reply
