"""Verbs by which staff change subscribers. What subscribers do themselves is in `subscriptions.service`."""

from ..models import Subscriber
from ..subscriptions import service


def end_subscription(*, subscriber: Subscriber) -> bool:
    """Unsubscribe a subscriber; False if they have left already."""
    return service.end_subscription(subscriber)
