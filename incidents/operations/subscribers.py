"""Verbs for subscribers that staff use; subscribers decide for themselves in `subscriptions`."""

from ..models import Subscriber
from ..staff import rights
from ..staff.actors import Actor
from ..subscriptions import service
from .recording import verb


@verb
def end_subscription(*, subscriber: Subscriber, by: Actor) -> bool:
    """End a subscription; return False if it had ended already."""
    by.needs(rights.CHANGE_SUBSCRIBER)
    return service.end_subscription(subscriber)
