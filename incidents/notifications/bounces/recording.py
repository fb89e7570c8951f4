"""Decides on the consequence of a bounce, and records it for staff."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from ... import counters, links
from ...masks import without_addresses
from ...metrics.definitions import BOUNCES
from ...models import Bounce, Delivery, Subscriber
from ..suspension import suspend
from .mail import ReturnedMail
from .report import BounceReport

logger = logging.getLogger(__name__)

# Bounces on so many different days within the window suspend the subscriber.
MAX_BOUNCE_DAYS = 5
WINDOW = timedelta(days=90)
# The most emails that are kept for staff to read, per subscriber.
MAX_UNKNOWN = 20
_MAX_LINES = 20
_MAX_TEXT = 4000

Consequence = Bounce.Consequence


@transaction.atomic
def record(delivery: Delivery, report: BounceReport, now: datetime) -> Bounce:
    """Record a bounce or delay with its consequence, and suspend the subscriber if that is the consequence."""
    subscriber = Subscriber.objects.select_for_update().get(pk=delivery.subscriber_id)
    consequence = _consequence(subscriber, delivery, report, now)
    reply = links.without_tokens(report.reply.text) if subscriber.address else ""
    bounce = create(
        subscriber=subscriber,
        announcement_id=delivery.announcement_id,
        consequence=consequence,
        status=report.status,
        reply=reply,
        received_at=now,
    )
    if consequence in {Consequence.SUSPENDED, Consequence.GIVEN_UP}:
        suspend(subscriber.pk, reply)
    elif consequence == Consequence.POLICY:
        logger.error("A message bounced because of a policy; check how mail is sent: %s", report.status)
    return bounce


@transaction.atomic
def record_unknown(delivery: Delivery, mail: ReturnedMail, now: datetime) -> Bounce | None:
    """Keep the beginning of an email that is no known report for staff; nothing of erased subscribers."""
    subscriber = Subscriber.objects.select_for_update().get(pk=delivery.subscriber_id)
    if subscriber.bounces.filter(consequence=Consequence.UNKNOWN).count() >= MAX_UNKNOWN:
        logger.warning("More than %d emails about one subscriber were not understood; dropped one", MAX_UNKNOWN)
        return None
    address = subscriber.mail_address
    kept = (
        {
            "subject": _masked(mail.header("Subject")[:1000], address)[:200],
            "sender_domain": mail.sender.rpartition("@")[2][:255],
            "excerpt": excerpt(mail.text, address),
        }
        if subscriber.address
        else {}
    )
    return create(
        subscriber=subscriber,
        announcement_id=delivery.announcement_id,
        consequence=Consequence.UNKNOWN,
        received_at=now,
        **kept,
    )


def create(**fields: Any) -> Bounce:
    """Create a bounce, and count it for the metrics."""
    bounce = Bounce.objects.create(**fields)
    counters.count(BOUNCES, bounce.consequence)
    return bounce


def excerpt(text: str, address: str) -> str:
    """Return the first lines of a text, with addresses and our links masked."""
    lines = ("".join(char if char.isprintable() else " " for char in line) for line in text[:_MAX_TEXT].splitlines())
    filled = [" ".join(line.split()) for line in lines if line.strip()]
    return _masked("\n".join(filled[:_MAX_LINES]), address)[:1000]


def _masked(text: str, address: str) -> str:
    # Before a text is shortened, which might cut what has to be masked.
    return without_addresses(links.without_tokens(text), address)


def _consequence(subscriber: Subscriber, delivery: Delivery, report: BounceReport, now: datetime) -> Consequence:
    if report.action == "delayed":
        return Consequence.DELAYED
    if report.is_temporary:
        return Consequence.PASSING
    if report.is_policy:
        return Consequence.POLICY
    # A subscriber who has confirmed since then has shown that the address works. An imported one may have confirmed
    # at an unknown time, but not since the delivery.
    is_current = subscriber.confirmed_at is None or delivery.created_at >= subscriber.confirmed_at
    if subscriber.state != Subscriber.State.ACTIVE or not is_current:
        return Consequence.COUNTED
    if report.address_is_gone:
        return Consequence.SUSPENDED
    return Consequence.GIVEN_UP if _bounce_days(subscriber, now) >= MAX_BOUNCE_DAYS else Consequence.COUNTED


def _bounce_days(subscriber: Subscriber, now: datetime) -> int:
    # Return the number of days with bounces since the confirmation, including today.
    since = max(now - WINDOW, subscriber.confirmed_at or now - WINDOW)
    earlier = subscriber.bounces.filter(consequence=Consequence.COUNTED, received_at__gte=since)
    days = set(earlier.annotate(day=TruncDate("received_at")).values_list("day", flat=True))
    return len(days | {timezone.localtime(now).date()})
