"""The only place that suspends subscribers. They receive nothing until they confirm again."""

from django.utils import timezone

from ..models import Subscriber


def suspend(subscriber_id: str, reason: str) -> bool:
    """Suspend an active subscriber; return False for any other. `reason` is the server's reply, shown to staff."""
    active = Subscriber.objects.active().filter(pk=subscriber_id)
    fields = {"state": Subscriber.State.SUSPENDED, "suspended_because": reason[:500], "updated_at": timezone.now()}
    return bool(active.update(**fields))
