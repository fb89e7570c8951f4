"""Erasure: what remains of a subscriber is a keyed hash of the address, the day, and anonymous deliveries.

The hash keeps an import from subscribing the address again. Deliveries of announcements
stay, so that the ledger adds up, but say nothing about the person.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..identity import canonical
from ..models import (
    Attempt,
    Bounce,
    ConsentRecord,
    Delivery,
    IncidentChoice,
    RequestedMessage,
    SigningSecret,
    SkipReason,
    Subscriber,
    SubscriptionRequest,
)
from ..notifications.ledger import destinations
from ..notifications.ledger.writer import skip
from . import budget, lifecycle
from .lifecycle import State

BATCH = 200


def lock_subscriptions(address: str) -> list[Subscriber]:
    """Lock all subscriptions of a mailbox, in the order of their ids, so that two erasures wait for each other."""
    own = Subscriber.objects.by_mail(address) | Subscriber.objects.webhooks_of(address)
    return list(own.order_by("pk").select_for_update())


@transaction.atomic
def erase(subscriptions: list[Subscriber]) -> None:
    """Erase the locked subscriptions of a mailbox at its owner's request, and what the limits remember of it."""
    address = subscriptions[0].mail_address
    budget.renew(address)
    RequestedMessage.objects.filter(subscriber_id__in=[one.pk for one in subscriptions]).delete()
    _delete_requests(address)
    _erase(subscriptions)


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
    if batch:
        _erase(batch)
    return len(batch)


@transaction.atomic
def erase_late_deliveries(now: datetime) -> None:
    """Erase deliveries of announcements that were expanded while their subscriber was being erased."""
    recent = Subscriber.objects.filter(address="", updated_at__gt=now - timedelta(days=2))
    _erase_deliveries(list(recent.values_list("pk", flat=True)))


def _delete_requests(address: str) -> None:
    # Except those that a worker processes now: it waits for the subscriber's lock while this
    # transaction would wait for the request. Such a request is a new sign-up.
    rows = SubscriptionRequest.objects.filter(address__istartswith=address.rpartition("@")[0] + "@")
    own = [row.pk for row in rows.select_for_update(skip_locked=True) if canonical(row.address) == canonical(address)]
    SubscriptionRequest.objects.filter(pk__in=own).delete()


def _erase(subscribers: list[Subscriber]) -> None:
    # In the order in which a worker locks rows that it records a failure in: subscriber, destination, delivery.
    ids = [subscriber.pk for subscriber in subscribers]
    for model in (IncidentChoice, ConsentRecord, SigningSecret, Attempt, Subscriber.components.through):
        model._default_manager.filter(subscriber__in=ids).delete()
    _blank(subscribers)
    destinations.forget_unused(set().union(*map(destinations.names_of, subscribers)))
    _erase_deliveries(ids)


def _blank(subscribers: list[Subscriber]) -> None:
    for subscriber in subscribers:
        subscriber.erased_key = lifecycle.erased_key(subscriber.address)
    Subscriber.objects.filter(pk__in=[one.pk for one in subscribers]).update(**_blank_fields())
    Subscriber.objects.bulk_update(subscribers, ["erased_key"])


def _blank_fields() -> dict[str, Any]:
    # The values of an erased row. Every field gets its default, so that a new one is not forgotten here.
    day = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fields = [field for field in Subscriber._meta.concrete_fields if not field.primary_key]
    return {
        **{field.attname: field.get_default() for field in fields},
        **dict.fromkeys(("requested_at", "left_at", "created_at", "updated_at"), day),
        "state": State.UNSUBSCRIBED,
    }


def _erase_deliveries(ids: list[str]) -> None:
    deliveries, bounces = Delivery.objects.filter(subscriber__in=ids), Bounce.objects.filter(subscriber__in=ids)
    # Messages about the subscription would tell when the person signed up and left.
    deliveries.filter(announcement=None, component_update=None).delete()
    bounces.filter(announcement=None).delete()
    # Waits for outcomes that are being recorded.
    deliveries.exclude(language="").update(reply="", destination="", language="")
    skip(deliveries, SkipReason.UNSUBSCRIBED)
    bounces.update(reply="", subject="", sender_domain="", excerpt="")
