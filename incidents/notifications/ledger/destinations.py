"""Failing destinations: our relay, a domain behind it, or the host of a webhook.

A failing destination gets one message at a time, as a probe, with increasing backoff;
all other messages are sent as usual. Call these functions on the ledger's connection.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models.expressions import Combinable

from ...masks import without_recipient
from ...models import Delivery, DeliveryState, Destination, MailDomain, Subscriber
from ...models.subscribers import SubscriberQuerySet
from .. import addressing
from ..channels.base import Reply
from . import backoff
from .writer import SENDING_LEASE, ClaimedDelivery, transition

_FORGET_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('incidents.destinations', 2))"


def claim_probe(name: str, now: datetime) -> bool:
    """Make this worker the one that probes the destination; if it dies, another may once its lease ends."""
    due = Destination.objects.due_for_a_probe(now).filter(name=name)
    return bool(due.update(retry_at=now + SENDING_LEASE))


def return_probe(name: str, now: datetime) -> None:
    """Make a probe due again: the message that was to be the probe was not sent."""
    Destination.objects.in_trouble().filter(name=name).update(retry_at=now)


@transaction.atomic
def record_failure(name: str, reply: Reply, now: datetime, *, attempted: ClaimedDelivery, by_probe: bool) -> None:
    """Record that the destination is unreachable or defers messages. Only a failed probe increases the backoff.

    Deliveries that wait for it are postponed until the next probe, and claims on them end;
    the delivery `attempted` is due in time to be that probe. If its subscriber has been
    erased, nothing is recorded of a destination that is not known.
    """
    if _has_recipient(attempted) or name == addressing.relay_name():
        Destination.objects.get_or_create(name=name)
    found = Destination.objects.select_for_update().filter(name=name).first()
    if found is None:
        return
    if found.failing_since is None or by_probe:
        _back_off(found, Reply(reply.code, without_recipient(reply.text, attempted.address), reply.retry_after), now)
        _postpone_waiting(found, now)
    Delivery.objects.filter(pk=attempted.id, state=DeliveryState.DEFERRED).update(next_attempt_at=found.retry_at)


def _has_recipient(row: ClaimedDelivery) -> bool:
    # Whether the recipient has not been erased, and cannot be until this transaction ends.
    recipient = Subscriber.objects.filter(pk=row.subscriber_id).exclude(address="")
    return recipient.select_for_update().first() is not None


def _back_off(found: Destination, reply: Reply, now: datetime) -> None:
    found.failing_since = found.failing_since or now
    found.failures += 1
    delay = backoff.post_delay if addressing.is_webhook(found.name) else backoff.email_delay
    found.retry_at = now + backoff.at_least(delay(found.failures), reply.retry_after)
    found.reply_code, found.reply = reply.code or None, reply.text[:500]
    found.save()


@transaction.atomic
def record_recovery(name: str, now: datetime) -> None:
    """Record that the destination accepts messages again: everything that waits for it is due now."""
    found = Destination.objects.in_trouble().filter(name=name)
    if found.update(failing_since=None, retry_at=None, failures=0, reply_code=None, reply="", updated_at=now):
        postponed = Delivery.objects.waiting().exclude(state=DeliveryState.UNCERTAIN)
        postponed.filter(destination=name, next_attempt_at__gt=now).update(next_attempt_at=now)


def is_same_failure(name: str, reply: Reply) -> bool:
    """Whether a probe got the same reply as the one recorded for the failing destination."""
    return Destination.objects.filter(name=name, reply_code=reply.code).exclude(reply_code=421).exists()


def _postpone_waiting(found: Destination, now: datetime) -> None:
    waiting = Delivery.objects.waiting().filter(destination=found.name)
    waiting.filter(next_attempt_at__lt=found.retry_at).update(next_attempt_at=found.retry_at, lease_until=None)
    if found.failing_since and backoff.is_exhausted(found.failing_since, now):
        too_old = waiting.filter(created_at__lt=now - backoff.RETRY_FOR)
        transition(too_old, DeliveryState.FAILED, reply=found.reply, reply_code=found.reply_code)


@transaction.atomic
def forget_unused(names: Collection[str]) -> None:
    """Delete what is known of those mail domains and webhook hosts that no subscriber has, and of their MX groups.

    Such a name can identify a person. Erasures that run at the same time wait here for each
    other: otherwise each could find the other's subscriber in the same domain.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_LOCK)
    domains = MailDomain.objects.filter(name__in=set(names) - _used(names))
    unused = {*names, *domains.values_list("group", flat=True)}
    domains.delete()
    grouped = MailDomain.objects.filter(group__in=unused).values_list("group", flat=True)
    Destination.objects.filter(name__in=unused - set(grouped) - _used(unused)).delete()


def names_of(subscriber: Subscriber) -> set[str]:
    """Return the mail domain of a subscriber, and the host of a webhook."""
    domain = addressing.mail_domain(subscriber.mail_address)
    return {domain} if subscriber.is_mail else {domain, addressing.webhook_origin(subscriber.address)}


def _used(names: Collection[str]) -> set[str]:
    # Return those names that are the mail domain or the host of a subscriber.
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL)
    webhooks = Subscriber.objects.exclude(channel=Subscriber.Channel.EMAIL)
    return (
        _used_as(mail, addressing.MAIL_DOMAIN, names)
        | _used_as(webhooks, addressing.OWNER_DOMAIN, names)
        | _used_as(webhooks, addressing.WEBHOOK_ORIGIN, names)
    )


def _used_as(subscribers: SubscriberQuerySet, kind: Combinable, names: Collection[str]) -> set[str]:
    found = subscribers.annotate(name=kind).filter(name__in=names).order_by()
    return set(found.values_list("name", flat=True).distinct())
