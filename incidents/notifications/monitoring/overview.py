"""Everything that is being delivered, and what holds it up: for staff, the terminal and the metrics."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from ...models import Announcement, Bounce, Delivery, DeliveryState, Destination
from ...models.deliveries import DeliveryQuerySet
from . import health, progress
from .health import Health
from .progress import Progress

RECENT = timedelta(days=7)
SHOWN = 20
_POLICY = "5.7."


@dataclass(frozen=True)
class FailingDestination:
    """A destination that accepts nothing now, and how many deliveries wait for it."""

    destination: Destination
    waiting: int

    @property
    def reply(self) -> str:
        return progress.spoken(self.destination)


@dataclass(frozen=True)
class Overview:
    """`messages` counts single messages (confirmations and the like) of the last seven days by state."""

    at: datetime
    health: Health
    underway: list[Progress]
    troubles: list[FailingDestination]
    messages: Counter[str]
    per_minute: int

    @property
    def counts(self) -> Counter[str]:
        return sum((one.counts for one in self.underway), Counter[str]())

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.underway)

    @property
    def message_states(self) -> list[tuple[str, str, int]]:
        return [(one.value, str(one.label), self.messages[one]) for one in DeliveryState if self.messages[one]]


def overview(now: datetime) -> Overview:
    """The number of queries does not depend on how much is being delivered."""
    underway = progress.progress_of(progress.unfinished()[:SHOWN], now)
    messages = Delivery.objects.filter(announcement__isnull=True, created_at__gt=now - RECENT)
    by_state = Counter(dict(messages.order_by().values_list("state").annotate(rows=Count("*"))))
    sent_now = messages.filter(state=DeliveryState.SENT, sent_at__gt=now - progress.RATE_OVER).count()
    return Overview(
        at=now,
        health=health.check_health(now),
        underway=underway,
        troubles=troubles(),
        messages=by_state,
        per_minute=sent_now + sum(one.per_minute for one in underway),
    )


def troubles() -> list[FailingDestination]:
    """Destinations in trouble, the one with most waiting deliveries first."""
    found = list(Destination.objects.in_trouble())
    waiting = Delivery.objects.waiting().filter(destination__in=[one.name for one in found]).order_by()
    numbers = dict(waiting.values_list("destination").annotate(rows=Count("*")))
    return sorted((FailingDestination(one, numbers.get(one.name, 0)) for one in found), key=lambda one: -one.waiting)


def recent(now: datetime) -> DeliveryQuerySet:
    """Deliveries of the last seven days, found by way of their announcements, which have an index."""
    announced = Announcement.objects.filter(created_at__gte=now - RECENT).values_list("pk", flat=True)
    own = Q(announcement__isnull=True, created_at__gte=now - RECENT)
    return Delivery.objects.filter(Q(announcement__in=list(announced)) | own)


def newest_failures(now: datetime) -> DeliveryQuerySet:
    failed = recent(now).filter(state=DeliveryState.FAILED)
    return failed.select_related("subscriber", "announcement__update__incident").order_by("-pk")[:SHOWN]


def refused_by_policy(now: datetime) -> int:
    """Refusals of the last day that are about us and not about the reader (RFC 3463 §3.8)."""
    day = now - timedelta(days=1)
    bounced = Bounce.objects.filter(received_at__gte=day, consequence=Bounce.Consequence.POLICY)
    failed = recent(now).filter(state=DeliveryState.FAILED, reply__startswith=_POLICY, next_attempt_at__gte=day)
    return bounced.count() + failed.count()
