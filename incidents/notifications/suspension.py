"""The one place that suspends a subscriber: nothing more is sent until they confirm again."""

from django.utils import timezone

from ..models import Subscriber


def suspend(subscriber_id: str, because: str) -> bool:
    """Suspend an active subscriber; False for any other. `because` is what the server replied; staff see it."""
    active = Subscriber.objects.active().filter(pk=subscriber_id)
    fields = {"state": Subscriber.State.SUSPENDED, "suspended_because": because[:500], "updated_at": timezone.now()}
    return bool(active.update(**fields))
