"""Erasure: what remains of a subscriber is a keyed hash of the address, the day, and anonymous deliveries.

The hash keeps an import from subscribing the address again. Deliveries of announcements
stay, so that the ledger adds up, but say nothing about the person.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import RequestedMessage, Subscriber, SubscriptionRequest
from ..notifications import addressing
from ..notifications.ledger import mx
from . import budget, lifecycle
from .lifecycle import State

BATCH = 200


@transaction.atomic
def erase(subscriber: Subscriber) -> None:
    """Erase a locked subscriber at their own request, and what the limits remember of the address."""
    budget.renew(subscriber.mail_address)
    RequestedMessage.objects.filter(subscriber_id=subscriber.pk).delete()
    SubscriptionRequest.objects.filter(address__iexact=subscriber.mail_address).delete()
    _erase([subscriber])


@transaction.atomic
def erase_idle(subscriber: Subscriber) -> None:
    """Erase a locked subscriber who will get no message any more."""
    _erase([subscriber])


@transaction.atomic
def erase_departed(now: datetime) -> int:
    """Erase some of the subscribers who left longer ago than LEFT_ADDRESS_KEPT_DAYS; return how many."""
    before = now - timedelta(days=settings.LEFT_ADDRESS_KEPT_DAYS)
    departed = Subscriber.objects.filter(state=State.UNSUBSCRIBED, left_at__lt=before).exclude(address="")
    batch = list(departed.select_for_update(skip_locked=True).order_by("left_at")[:BATCH])
    _erase(batch)
    return len(batch)


def _erase(subscribers: list[Subscriber]) -> None:
    domains = {addressing.mail_domain(subscriber.address) for subscriber in subscribers if subscriber.is_mail}
    for subscriber in subscribers:
        lifecycle.end_subscription(subscriber)
        _erase_deliveries(subscriber)
        for rows in (subscriber.consents, subscriber.secrets, subscriber.attempts):
            rows.all().delete()
        subscriber.components.clear()
        Subscriber.objects.filter(pk=subscriber.pk).update(**_blank(subscriber))
        subscriber.refresh_from_db()
    if domains:
        mx.forget_domains(domains)


def _erase_deliveries(subscriber: Subscriber) -> None:
    # Messages about the subscription would tell when the person signed up and left.
    subscriber.deliveries.filter(announcement=None, component_update=None).delete()
    subscriber.bounces.filter(announcement=None).delete()
    subscriber.deliveries.update(reply="", destination="", language="")
    subscriber.bounces.update(reply="")


def _blank(subscriber: Subscriber) -> dict[str, Any]:
    # The values of an erased row. Every field gets its default, so that a new one is not forgotten here.
    day = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fields = [field for field in Subscriber._meta.concrete_fields if not field.primary_key]
    return {
        **{field.attname: field.get_default() for field in fields},
        **dict.fromkeys(("requested_at", "left_at", "created_at", "updated_at"), day),
        "state": State.UNSUBSCRIBED,
        "erased_key": lifecycle.erased_key(subscriber.address),
    }
