"""How far an announcement has come: who was told, who waits and for what, who was not told and why.

Everything here only reads, in a number of queries that does not depend on how many
announcements are asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q

from ...masks import without_addresses
from ...models import WAITING, Announcement, Bounce, Delivery, DeliveryState, Destination, FoldedDeliveries, SkipReason
from ..addressing import relay_name

# Destinations that are named in a panel; the largest come first.
SHOWN = 10
RATE_OVER = timedelta(minutes=1)


@dataclass(frozen=True)
class DeferredGroup:
    """Letters that wait for their next try at one destination. `reply` says why, without anybody's address."""

    destination: str
    number: int
    since: datetime
    next_try: datetime
    reply: str


@dataclass
class Progress:
    """One announcement. `counts` is by state, `skipped` by reason; what is only counted any more is in both."""

    announcement: Announcement
    at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    deferred: list[DeferredGroup] = field(default_factory=list)
    per_minute: int = 0
    bounced: int = 0
    relay: Destination | None = None

    @property
    def relay_reply(self) -> str:
        return spoken(self.relay) if self.relay else ""

    @property
    def status(self) -> str:
        """The announcement's status; once it is released, `sending` or `done`."""
        status = self.announcement.status
        if status in {Announcement.Status.RELEASED, Announcement.Status.PAUSED} and not self.waiting:
            return "done"
        return "sending" if status == Announcement.Status.RELEASED else status.value

    @property
    def states(self) -> list[tuple[str, str, int]]:
        """State, its label and how many, in the order of the states."""
        return [(one.value, str(one.label), self.counts[one]) for one in DeliveryState if self.counts[one]]

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """Reason, its label and how many, the most frequent first."""
        return [(one, str(SkipReason(one).label), number) for one, number in self.skipped.most_common()]

    @property
    def audience(self) -> int:
        """How many are to be told: everybody but those who are skipped."""
        return self.counts.total() - self.counts[DeliveryState.SKIPPED]

    @property
    def sent(self) -> int:
        return self.counts[DeliveryState.SENT]

    @property
    def waiting(self) -> int:
        """Those that wait their turn, are on the wire, or wait for another try."""
        return sum(self.counts[state] for state in (*WAITING, DeliveryState.SENDING))

    @property
    def is_live(self) -> bool:
        """Whether the figures still move."""
        return self.announcement.is_held or self.waiting > 0

    @property
    def time_left(self) -> timedelta | None:
        """For those who wait their turn, at the present rate."""
        left = self.counts[DeliveryState.QUEUED] + self.counts[DeliveryState.SENDING]
        return timedelta(minutes=left / self.per_minute) if left and self.per_minute else None


def progress_of(announcements: Sequence[Announcement], now: datetime) -> list[Progress]:
    """In the order given."""
    found = {one.pk: Progress(one, now) for one in announcements}
    _count(found)
    live = {pk: one for pk, one in found.items() if one.waiting}
    if live:
        _rate(live, now)
        relay = Destination.objects.in_trouble().filter(name=relay_name()).first()
        for one in live.values():
            one.relay = relay
        _deferred(live, now)
    late = Bounce.Consequence.DELAYED
    bounces = Bounce.objects.filter(announcement__in=list(found)).exclude(consequence=late).order_by()
    for pk, number in bounces.values_list("announcement").annotate(rows=Count("*")):
        found[pk].bounced = number
    return list(found.values())


def tallies_of(announcements: Iterable[Announcement]) -> defaultdict[int, Counter[str]]:
    """How many deliveries each announcement has in each state, by its id; two queries."""
    tallies: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for pk, state, number in _counted([one.pk for one in announcements]):
        tallies[pk][state] += number
    return tallies


def unfinished() -> list[Announcement]:
    """Announcements that somebody still waits for, the newest first."""
    waiting = Delivery.objects.waiting().filter(announcement__isnull=False).order_by()
    on_the_wire = Delivery.objects.filter(state=DeliveryState.SENDING, announcement__isnull=False).order_by()
    ids = {*waiting.values_list("announcement", flat=True).distinct()}
    ids |= {*on_the_wire.values_list("announcement", flat=True).distinct()}
    found = Announcement.objects.filter(pk__in=ids) | Announcement.objects.held()
    return list(found.select_related("update__incident"))


def _counted(ids: list[int]) -> Iterable[tuple[int, str, int]]:
    """Announcement, state and number. Answered by the index `delivery_panel` alone, however many rows there are."""
    rows = Delivery.objects.filter(announcement__in=ids).order_by().values_list("announcement_id", "state")
    for pk, state, number in rows.annotate(rows=Count("*")):
        yield pk or 0, state, number
    yield from FoldedDeliveries.objects.filter(announcement__in=ids).values_list("announcement_id", "state", "number")


def _count(found: dict[int, Progress]) -> None:
    for pk, state, number in _counted(list(found)):
        found[pk].counts[state] += number
    skipped = Q(announcement__in=list(found), state=DeliveryState.SKIPPED)
    columns = ("announcement_id", "skip_reason")
    for pk, reason, number in (
        Delivery.objects.filter(skipped).order_by().values_list(*columns).annotate(rows=Count("*"))
    ):
        found[pk or 0].skipped[reason] += number
    for pk, reason, number in FoldedDeliveries.objects.filter(skipped).values_list(*columns, "number"):
        found[pk].skipped[reason] += number


def _rate(live: dict[int, Progress], now: datetime) -> None:
    recent = Delivery.objects.filter(announcement__in=list(live), state=DeliveryState.SENT)
    recent = recent.filter(sent_at__gt=now - RATE_OVER)
    for pk, number in recent.values_list("announcement_id").annotate(rows=Count("*")).order_by():
        live[pk or 0].per_minute = number


def _deferred(live: dict[int, Progress], now: datetime) -> None:
    """By destination: those that were tried and are tried again, and those that wait for a destination in trouble."""
    later = Q(state__in=[DeliveryState.DEFERRED, DeliveryState.UNCERTAIN]) | Q(next_attempt_at__gt=now)
    groups = (
        Delivery.objects.waiting()
        .filter(later, announcement__in=list(live))
        .values_list("announcement_id", "destination")
        .annotate(
            number=Count("pk"),
            since=Min("created_at"),
            next_try=Min("next_attempt_at"),
            sample=Max("pk", filter=~Q(reply="")),
        )
        .order_by("-number", "destination")[: SHOWN * len(live)]
    )
    rows = list(groups)
    said = _replies([row[-1] for row in rows if row[-1]])
    troubled = {one.name: one for one in Destination.objects.in_trouble().filter(name__in=[row[1] for row in rows])}
    for pk, name, number, since, next_try, sample in rows:
        reply = spoken(troubled[name]) if name in troubled else said.get(sample or 0, "")
        if len(live[pk or 0].deferred) < SHOWN:
            live[pk or 0].deferred.append(DeferredGroup(name, number, since, next_try, reply))


def spoken(destination: Destination) -> str:
    """What a destination in trouble answered, without anybody's address."""
    return _in_one(destination.reply_code, without_addresses(destination.reply, ""))


def _replies(ids: list[int]) -> dict[int, str]:
    rows = Delivery.objects.filter(pk__in=ids).select_related("subscriber")
    return {row.pk: _in_one(row.reply_code, row.subscriber.masked_reply(row.reply)) for row in rows}


def _in_one(code: int | None, reply: str) -> str:
    return f"{code} {reply}".strip() if code else reply
