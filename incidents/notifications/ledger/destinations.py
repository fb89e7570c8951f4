"""Destinations in trouble: our relay, a domain behind it, or the host of a webhook.

While one is in trouble a single letter at a time goes there, after growing pauses,
and everybody else's mail flows. Call these with the ledger's connection.
"""

from datetime import datetime

from django.db import transaction

from ...models import Delivery, DeliveryState, Destination
from .. import addressing
from ..channels.base import Reply
from . import backoff
from .writer import WIRE_LEASE, transition


def take_probe(name: str, now: datetime) -> bool:
    """Makes this worker the one that tries the destination; if it dies, another may after its lease."""
    due = Destination.objects.due_for_a_probe(now).filter(name=name)
    return bool(due.update(retry_at=now + WIRE_LEASE))


def give_probe_back(name: str, now: datetime) -> None:
    """The letter that was to be the probe was not sent after all."""
    Destination.objects.in_trouble().filter(name=name).update(retry_at=now)


@transaction.atomic
def note_trouble(name: str, reply: Reply, now: datetime, *, tried: int, by_probe: bool) -> None:
    """The destination could not be reached, or puts us off. The pause grows only if a probe found that out.

    What waits for it is parked until the next probe and taken from whoever holds it;
    the letter that was `tried` is ready to be that probe.
    """
    Destination.objects.get_or_create(name=name)
    found = Destination.objects.select_for_update().get(name=name)
    if found.failing_since is None or by_probe:
        _lengthen(found, reply, now)
        _park(found, now)
    Delivery.objects.filter(pk=tried, state=DeliveryState.DEFERRED).update(next_attempt_at=found.retry_at)


def _lengthen(found: Destination, reply: Reply, now: datetime) -> None:
    found.failing_since = found.failing_since or now
    found.failures += 1
    pause = backoff.of_post if addressing.is_webhook(found.name) else backoff.after_failures
    found.retry_at = now + backoff.at_least(pause(found.failures), reply.retry_after)
    found.reply_code, found.reply = reply.code or None, reply.text[:500]
    found.save()


@transaction.atomic
def note_recovery(name: str, now: datetime) -> None:
    """The destination answers again: what was parked goes out at full speed."""
    found = Destination.objects.in_trouble().filter(name=name)
    if found.update(failing_since=None, retry_at=None, failures=0, reply_code=None, reply="", updated_at=now):
        parked = Delivery.objects.waiting().exclude(state=DeliveryState.UNCERTAIN)
        parked.filter(destination=name, next_attempt_at__gt=now).update(next_attempt_at=now)


def still_says_the_same(name: str, reply: Reply) -> bool:
    """Whether a probe's answer is the one that the destination is in trouble for."""
    return Destination.objects.filter(name=name, reply_code=reply.code).exclude(reply_code=421).exists()


def _park(found: Destination, now: datetime) -> None:
    waiting = Delivery.objects.waiting().filter(destination=found.name)
    waiting.filter(next_attempt_at__lt=found.retry_at).update(next_attempt_at=found.retry_at, lease_until=None)
    if found.failing_since and backoff.is_over(found.failing_since, now):
        too_old = waiting.filter(created_at__lt=now - backoff.RETRY_FOR)
        transition(too_old, DeliveryState.FAILED, reply=found.reply, reply_code=found.reply_code)
