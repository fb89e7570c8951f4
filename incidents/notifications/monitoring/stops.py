"""Whether delivery has stopped: messages are due, and for five minutes none has been sent."""

from datetime import datetime, timedelta

from ...models import Delivery, DeliveryState, Destination
from ...models.deliveries import DeliveryQuerySet
from ..addressing import relay_name

STOPPED_AFTER = timedelta(minutes=5)


def emails_stopped_since(now: datetime) -> datetime | None:
    """Return since when our mail server has accepted nothing, or since when emails are due that nothing sends."""
    before = now - STOPPED_AFTER
    relay = Destination.objects.in_trouble().filter(name=relay_name()).first()
    if relay is not None and relay.failing_since is not None:
        return relay.failing_since if relay.failing_since <= before else None
    return _stopped_since(Delivery.objects.by_mail(), now)


def posts_stopped_since(now: datetime) -> datetime | None:
    """Return since when posts to webhooks and chats are due that nothing sends."""
    return _stopped_since(Delivery.objects.posted(), now)


def _stopped_since(deliveries: DeliveryQuerySet, now: datetime) -> datetime | None:
    # What waits for a destination that fails is not due; a worker that claims or sends shows that nothing has stopped.
    before = now - STOPPED_AFTER
    if deliveries.filter(holder__isnull=False, claimed_at__gt=before).exists():
        return None  # first: of a million that wait, the oldest takes a second to find
    due = deliveries.due(before).exclude(destination__in=Destination.objects.closed(now).names())
    oldest = due.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    if oldest is None:
        return None
    announced = list(due.order_by().values_list("announcement", flat=True).distinct())
    sent = deliveries.filter(state=DeliveryState.SENT, sent_at__gt=before)
    recently = sent.filter(announcement__in=announced) | sent.filter(announcement__isnull=True)
    return None if recently.exists() else oldest
