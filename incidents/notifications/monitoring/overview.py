"""All deliveries in progress and failing destinations: for the admin, the command line and the metrics."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from ...models import Announcement, Bounce, Delivery, DeliveryState, Destination
from ...models.deliveries import DeliveryQuerySet
from ..addressing import relay_name
from . import health, progress
from .health import Health
from .progress import Progress
from .subjects import RELATED

RECENT = timedelta(days=7)
MAX_SHOWN = 20
_POLICY = "5.7."


@dataclass(frozen=True)
class FailingDestination:
    """A failing destination, and the number of deliveries that wait for it."""

    destination: Destination
    waiting: int

    @property
    def reply(self) -> str:
        return progress.reply_of(self.destination)


@dataclass(frozen=True)
class Overview:
    """`messages` counts single messages (confirmations and the like) of the last seven days by state.

    `component_posts` counts the posts about components of the same time.
    """

    at: datetime
    health: Health
    in_progress: list[Progress]
    failing_destinations: list[FailingDestination]
    messages: Counter[str]
    component_posts: Counter[str]
    per_minute: int
    relay: Destination | None = None  # our mail server, if anything is known of it

    @property
    def counts(self) -> Counter[str]:
        return sum((one.counts for one in self.in_progress), Counter[str]())

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.in_progress)

    @property
    def message_states(self) -> list[tuple[str, str, int]]:
        return _labelled(self.messages)

    @property
    def component_post_states(self) -> list[tuple[str, str, int]]:
        return _labelled(self.component_posts)


def overview(now: datetime) -> Overview:
    """Return the overview. The number of queries does not depend on the number of announcements."""
    in_progress = progress.progress_of(progress.in_progress()[:MAX_SHOWN], now)
    messages, component_posts = count_single(now)
    sent_recently = _single(now).filter(state=DeliveryState.SENT, sent_at__gt=now - progress.RATE_WINDOW).count()
    return Overview(
        at=now,
        health=health.check_health(now),
        in_progress=in_progress,
        failing_destinations=failing_destinations(),
        messages=messages,
        component_posts=component_posts,
        per_minute=sent_recently + sum(one.per_minute for one in in_progress),
        relay=Destination.objects.filter(name=relay_name()).first(),
    )


def _single(now: datetime) -> DeliveryQuerySet:
    return Delivery.objects.filter(announcement__isnull=True, created_at__gt=now - RECENT)


def count_single(now: datetime) -> tuple[Counter[str], Counter[str]]:
    """Return the numbers of recent messages about subscriptions, and of recent posts about components, by state."""
    messages, component_posts = Counter[str](), Counter[str]()
    is_component = Q(letter=Delivery.Letter.COMPONENT)
    rows = (
        _single(now).order_by().values_list("state").annotate(rows=Count("*"), posts=Count("pk", filter=is_component))
    )
    for state, number, posts in rows:
        messages[state], component_posts[state] = number - posts, posts
    return messages, component_posts


def _labelled(counts: Counter[str]) -> list[tuple[str, str, int]]:
    return [(one.value, str(one.label), counts[one]) for one in DeliveryState if counts[one]]


def failing_destinations() -> list[FailingDestination]:
    """Return failing destinations, those with most waiting deliveries first."""
    found = list(Destination.objects.in_trouble())
    waiting = Delivery.objects.waiting().filter(destination__in=[one.name for one in found]).order_by()
    numbers = dict(waiting.values_list("destination").annotate(rows=Count("*")))
    return sorted((FailingDestination(one, numbers.get(one.name, 0)) for one in found), key=lambda one: -one.waiting)


def recent(now: datetime) -> DeliveryQuerySet:
    """Return deliveries of the last seven days, found through their announcements, which have an index."""
    announced = Announcement.objects.filter(created_at__gte=now - RECENT).values_list("pk", flat=True)
    single = Q(announcement__isnull=True, created_at__gte=now - RECENT)
    return Delivery.objects.filter(Q(announcement__in=list(announced)) | single)


def newest_failures(now: datetime) -> DeliveryQuerySet:
    failed = recent(now).filter(state=DeliveryState.FAILED)
    return failed.select_related("subscriber", *RELATED).order_by("-pk")[:MAX_SHOWN]


def rejected_by_policy(now: datetime) -> int:
    """Return the number of rejections by policy in the last day: they are about the sender (RFC 3463 §3.8).

    A relay that wants a login rejects all recipients so, and their messages wait (`channels.replies`).
    """
    day = now - timedelta(days=1)
    bounced = Bounce.objects.filter(received_at__gte=day, consequence=Bounce.Consequence.POLICY)
    rejected = recent(now).filter(state__in=[DeliveryState.FAILED, DeliveryState.DEFERRED], reply__startswith=_POLICY)
    failed = rejected.filter(next_attempt_at__gte=day)
    return bounced.count() + failed.count()
