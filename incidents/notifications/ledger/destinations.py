"""Failing destinations: our relay, a domain behind it, or the host of a webhook.

A failing destination gets one message at a time, as a probe, with increasing backoff;
all other messages are sent as usual. Call these functions on the ledger's connection.

What waits for a destination is postponed when it fails, and due when it recovers. Up to
a million deliveries do, so they are moved in batches, each in a statement of its own;
`Destination.postponed_until` says whether there are more.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.expressions import Combinable

from ...masks import without_recipient
from ...models import Delivery, DeliveryState, Destination, MailDomain, Subscriber
from ...models.subscribers import SubscriberQuerySet
from .. import addressing
from ..channels.base import Reply
from . import backoff
from .writer import ClaimedDelivery, transition

# Rows per statement: on a busy machine it must not take longer than a fifth of a second.
BATCH = 300
_FORGET_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('incidents.destinations', 2))"


def claim_probe(name: str, holder: int, now: datetime) -> bool:
    """Make this job the one that probes the destination."""
    return bool(Destination.objects.due_for_a_probe(now).filter(name=name).update(prober=holder))


def return_probes(holder: int, names: Iterable[str]) -> None:
    """Make probes due again: the message that was to be the probe was not sent."""
    Destination.objects.filter(name__in=list(names), prober=holder).update(prober=None)


@transaction.atomic
def record_failure(name: str, reply: Reply, now: datetime, *, attempted: ClaimedDelivery, by_probe: bool) -> bool:
    """Record that the destination is unreachable or defers messages. Only a failed probe increases the backoff.

    Return whether the deliveries that wait for it have to be postponed, with `move_waiting`. If
    the subscriber of `attempted` has been erased, nothing is recorded of a destination that is
    not known.
    """
    if _has_recipient(attempted) or name == addressing.relay_name():
        Destination.objects.get_or_create(name=name)
    found = Destination.objects.select_for_update().filter(name=name).first()
    if found is None:
        return False
    changes = found.failing_since is None or by_probe
    if changes:
        _back_off(found, reply, now, attempted)
    # Its own schedule must not make it miss the next probe.
    Delivery.objects.filter(pk=attempted.id, state=DeliveryState.DEFERRED).update(next_attempt_at=found.retry_at)
    return changes


def _back_off(found: Destination, reply: Reply, now: datetime, attempted: ClaimedDelivery) -> None:
    found.failing_since = found.failing_since or now
    found.failures += 1
    delay = backoff.post_delay if addressing.is_webhook(found.name) else backoff.email_delay
    found.retry_at, found.prober = now + backoff.at_least(delay(found.failures), reply.retry_after), None
    found.last_deferred = attempted.subscriber_id
    found.reply_code = reply.code or None
    found.reply = without_recipient(reply.text, attempted.address)[:500]
    found.save()


def _has_recipient(row: ClaimedDelivery) -> bool:
    # Whether the recipient has not been erased, and cannot be until this transaction ends.
    recipient = Subscriber.objects.filter(pk=row.subscriber_id).exclude(address="")
    return recipient.select_for_update().first() is not None


def record_recovery(name: str, now: datetime) -> bool:
    """Record that the destination accepts messages again. Return whether deliveries wait for it: see `move_waiting`."""
    found = Destination.objects.in_trouble().filter(name=name)
    return bool(
        found.update(
            failing_since=None,
            postponed_until=F("retry_at"),
            retry_at=None,
            prober=None,
            failures=0,
            last_deferred="",
            reply_code=None,
            reply="",
            updated_at=now,
        )
    )


def record_connections(name: str, number: int | None) -> None:
    """Record how many connections the relay takes from one worker; None if it takes all that are configured."""
    if number is not None:
        Destination.objects.get_or_create(name=name)
    Destination.objects.filter(name=name).update(connections=number)


def connections_of(name: str) -> int | None:
    return Destination.objects.filter(name=name).values_list("connections", flat=True).first()


def move_waiting(name: str, now: datetime, after: int = 0) -> int | None:
    """Postpone one batch of the deliveries that wait for a failing destination, or make them due if it has recovered.

    `after` is the id of the last row of the batch before. Return that of this one; None if there are no more.
    """
    found = Destination.objects.filter(name=name).first()
    if found is None or found.postponed_until == found.retry_at:
        return None
    waiting = Delivery.objects.waiting().filter(destination=name)
    ids = list(waiting.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not ids:
        same = Destination.objects.filter(name=name, retry_at=found.retry_at, failing_since=found.failing_since)
        same.update(postponed_until=found.retry_at)
        return None
    with transaction.atomic():
        _move(ids, found, now)
    return ids[-1]


def move_all_waiting(name: str, now: datetime) -> None:
    after: int | None = 0
    while after is not None:
        after = move_waiting(name, now, after)


def _move(ids: list[int], found: Destination, now: datetime) -> None:
    # A recovered destination makes due what was postponed for it, and nothing that is deferred on its own for longer.
    waiting = Delivery.objects.waiting().filter(pk__in=ids, destination=found.name)
    if found.retry_at is not None:
        rows, fields = waiting.filter(next_attempt_at__lt=found.retry_at), {"next_attempt_at": found.retry_at}
    else:
        postponed = waiting.exclude(state=DeliveryState.UNCERTAIN)
        rows = postponed.filter(next_attempt_at__gt=now, next_attempt_at__lte=found.postponed_until)
        fields = {"next_attempt_at": now}
    locked = rows.order_by().select_for_update(skip_locked=True).values("pk")
    # The ids once more: with the sub-select alone, PostgreSQL reads the whole table for every batch.
    waiting.filter(pk__in=locked).update(**fields, holder=None, claimed_at=None)


def move_overlooked(now: datetime) -> None:
    """Move what a worker has left to move because it was stopped."""
    failing = Q(retry_at__isnull=False) & (Q(postponed_until__isnull=True) | ~Q(postponed_until=F("retry_at")))
    recovered = Q(retry_at__isnull=True, postponed_until__isnull=False)
    for name in Destination.objects.filter(failing | recovered).names():
        move_all_waiting(name, now)


def give_up_exhausted(now: datetime) -> None:
    """Fail what has waited for too long for a relay or destination that still accepts nothing."""
    since = now - backoff.RETRY_FOR
    for found in Destination.objects.in_trouble().filter(failing_since__lt=since):
        waiting = Delivery.objects.waiting().filter(destination=found.name)
        if found.name == addressing.relay_name():
            waiting = Delivery.objects.waiting().by_mail()
        too_old = waiting.exclude(announcement__paused_at__isnull=False).tried_since_before(since).order_by()
        while ids := list(too_old.values_list("pk", flat=True)[:BATCH]):
            rows = Delivery.objects.filter(pk__in=ids)
            if not transition(rows, DeliveryState.FAILED, reply=found.reply, reply_code=found.reply_code):
                break


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
