"""The log on a webhook's page: its latest attempts, and what each was about."""

from django.utils.safestring import SafeString

from ..models import Attempt, Delivery, Subscriber
from ..notifications.monitoring.subjects import RELATED, subject
from . import webhooks


def entries(subscriber: Subscriber) -> list[tuple[Attempt, SafeString]]:
    """Return the latest attempts, newest first, each with its subject; empty if its delivery was deleted since."""
    attempts = webhooks.log(subscriber)
    own = subscriber.deliveries.select_related(*RELATED)
    deliveries: dict[int, Delivery] = own.in_bulk({attempt.delivery_id for attempt in attempts})
    return [
        (attempt, subject(deliveries[attempt.delivery_id]) if attempt.delivery_id in deliveries else SafeString())
        for attempt in attempts
    ]
