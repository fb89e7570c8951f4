"""Bounces: parses reports (RFC 3464), decides on their consequence, and records them for staff.

Only reports to an address that we signed are accepted, so that nobody can have others
suspended. Reports in a provider's own format can be passed to `record`.
"""

import email
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import Message

from django.db import transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from .. import links
from ..models import Bounce, Delivery, Subscriber
from .channels.base import Refused, Reply
from .suspension import suspend

logger = logging.getLogger(__name__)

# Bounces on so many different days within the window suspend the subscriber.
MAX_BOUNCE_DAYS = 5
WINDOW = timedelta(days=90)
_TOKEN = re.compile(r"\+([0-9]+-[a-z0-9]+)@", re.IGNORECASE)
_CODE = re.compile(r"^(?:smtp|x-[\w-]+)?\s*;?\s*([245]\d\d)\b", re.IGNORECASE)
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")

Consequence = Bounce.Consequence


class UnknownBounceAddress(ValueError):
    """The address is not a bounce address that we signed."""


@dataclass(frozen=True)
class BounceReport:
    """The report about one recipient: `action` is failed or delayed, `status` as in RFC 3463."""

    action: str
    status: str
    diagnostic: str

    @property
    def is_temporary(self) -> bool:
        """Whether the relay gave up after a 4yz, in either field: the mailbox may work again tomorrow."""
        code = _CODE.match(self.diagnostic)
        return self.status.startswith("4") or (code is not None and code[1].startswith("4"))

    @property
    def refusal(self) -> Refused:
        return Refused(Reply(0, f"{self.status} {self.diagnostic}"))


def receive_bounce(*, raw: bytes, address: str = "") -> Bounce | None:
    """Record the bounce that an email reports; return None if it reports none, such as an out-of-office reply.

    `address` is the recipient; without it, the headers of the email are searched. Raises UnknownBounceAddress.
    """
    message = email.message_from_bytes(raw, policy=policy.compat32)
    delivery_id = _delivery_id(message, address)
    delivery = Delivery.objects.filter(pk=delivery_id).select_related("subscriber").first()
    report = parse(message)
    if delivery is None or report is None or message.get("Return-Path", "<>").strip() not in {"<>", ""}:
        return None
    return record(delivery, report, timezone.now())


def parse(message: Message) -> BounceReport | None:
    """Return the first failed recipient, or else the first delayed one; None if this is not a bounce report."""
    if message.get_content_type() != "multipart/report":
        return None
    reports = [_report(block) for part in message.walk() for block in _blocks(part)]
    known = [one for one in reports if one.action in {"failed", "delayed"}]
    return min(known, key=lambda one: one.action != "failed", default=None)


@transaction.atomic
def record(delivery: Delivery, report: BounceReport, now: datetime) -> Bounce:
    """Record a bounce or delay with its consequence, and suspend the subscriber if that is the consequence."""
    subscriber = Subscriber.objects.select_for_update().get(pk=delivery.subscriber_id)
    consequence = _consequence(subscriber, delivery, report, now)
    reply = f"{report.status} {report.diagnostic}".strip()[:500] if subscriber.address else ""
    bounce = Bounce.objects.create(
        subscriber=subscriber,
        announcement_id=delivery.announcement_id,
        consequence=consequence,
        status=report.status[:12],
        reply=reply,
        received_at=now,
    )
    if consequence in {Consequence.SUSPENDED, Consequence.GIVEN_UP}:
        suspend(subscriber.pk, reply)
    elif consequence == Consequence.POLICY:
        logger.error("A message bounced because of a policy; check how mail is sent: %s", report.status)
    return bounce


def _consequence(subscriber: Subscriber, delivery: Delivery, report: BounceReport, now: datetime) -> Consequence:
    if report.action == "delayed":
        return Consequence.DELAYED
    if report.is_temporary:
        return Consequence.PASSING
    if report.refusal.is_policy:
        return Consequence.POLICY
    # A subscriber who has confirmed since then has shown that the address works. An imported one may have confirmed
    # at an unknown time, but not since the delivery.
    is_current = subscriber.confirmed_at is None or delivery.created_at >= subscriber.confirmed_at
    if subscriber.state != Subscriber.State.ACTIVE or not is_current:
        return Consequence.COUNTED
    if report.refusal.address_is_gone:
        return Consequence.SUSPENDED
    return Consequence.GIVEN_UP if _bounce_days(subscriber, now) >= MAX_BOUNCE_DAYS else Consequence.COUNTED


def _bounce_days(subscriber: Subscriber, now: datetime) -> int:
    # Return the number of days with bounces since the confirmation, including today.
    since = max(now - WINDOW, subscriber.confirmed_at or now - WINDOW)
    earlier = subscriber.bounces.filter(consequence=Consequence.COUNTED, received_at__gte=since)
    days = set(earlier.annotate(day=TruncDate("received_at")).values_list("day", flat=True))
    return len(days | {timezone.localtime(now).date()})


def _delivery_id(message: Message, address: str) -> int:
    names = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
    candidates = [address] if address else [str(value) for name in names for value in message.get_all(name, [])]
    for candidate in candidates:
        found = _TOKEN.search(candidate)
        number = links.unsign_bounce(found[1]) if found else None
        if number is not None and number < 2**63:
            return number
    raise UnknownBounceAddress("The recipient is not a bounce address that we signed.")


def _blocks(part: Message) -> list[Message]:
    # Return the groups of fields of a delivery status; the first is about the whole message.
    payload = part.get_payload() if part.get_content_type() == "message/delivery-status" else None
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def enhanced_status(diagnostic: str) -> str:
    """Return the enhanced status code (RFC 3463) in a diagnostic; empty if there is none."""
    found = _ENHANCED.search(diagnostic)
    return found.group() if found else ""


def _report(block: Message) -> BounceReport:
    diagnostic = " ".join(str(block.get("Diagnostic-Code", "")).replace("\x00", "").split())
    status = str(block.get("Status", "")).partition("(")[0].strip().replace("\x00", "")
    if not _ENHANCED.fullmatch(status) or status.endswith(".0.0"):
        status = enhanced_status(diagnostic) or status
    return BounceReport(str(block.get("Action", "")).partition("(")[0].strip().lower(), status, diagnostic)
