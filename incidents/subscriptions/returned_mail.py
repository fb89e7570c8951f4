"""Emails to the bounce addresses of our messages: bounces, spam complaints, and what staff have to read.

Only an address that we signed is accepted, so that nobody can have others suspended.
"""

import logging
import re
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from .. import links
from ..models import Bounce, Delivery
from ..notifications.bounces import mail, recording
from ..notifications.bounces.mail import ReturnedMail
from ..notifications.bounces.parsing import Other, parse
from . import service
from .consents import Method

logger = logging.getLogger(__name__)

_TOKEN = re.compile(r"\+([0-9]{1,19}-[a-z0-9]{1,40})@", re.IGNORECASE)
_ADDRESS_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


class UnknownBounceAddress(ValueError):
    """The address is not a bounce address that we signed."""


@transaction.atomic
def receive_bounce(*, raw: bytes, address: str = "") -> Bounce | None:
    """Record what an email reports; return None if it needs no action, such as an out-of-office reply.

    `address` is the recipient; without it, the headers of the email are searched. Nothing else is parsed before the
    signature is checked. Raises UnknownBounceAddress.
    """
    delivery_id = _delivery_id([address] if address else mail.read_headers(raw).all_headers(*_ADDRESS_HEADERS))
    delivery = Delivery.objects.filter(pk=delivery_id).select_related("subscriber").first()
    if delivery is None:
        logger.info("An email is about delivery %d, which has been deleted; nothing to do", delivery_id)
        return None
    return _record(delivery, mail.read(raw))


def complain(delivery: Delivery) -> Bounce | None:
    """Unsubscribe a reader who reported a message as spam; return None if they had unsubscribed already."""
    subscriber = delivery.subscriber
    if not service.end_subscription(subscriber, Method.PROVIDER):
        return None
    return recording.create(
        subscriber=subscriber, announcement_id=delivery.announcement_id, consequence=Bounce.Consequence.COMPLAINED
    )


def _record(delivery: Delivery, received: ReturnedMail) -> Bounce | None:
    found = parse(received)
    if found is Other.NO_ACTION:
        return None
    if found is Other.COMPLAINT:
        return complain(delivery)
    if found is Other.UNKNOWN:
        return recording.record_unknown(delivery, received, timezone.now())
    return recording.record(delivery, found, timezone.now())


def _delivery_id(addresses: Iterable[str]) -> int:
    for address in addresses:
        found = _TOKEN.search(address)
        number = links.unsign_bounce(found[1]) if found else None
        if number is not None and number < 2**63:
            return number
    raise UnknownBounceAddress("The recipient is not a bounce address that we signed.")
