"""The budget of messages that strangers can cause to one mailbox, all forms together (STANDARDS P7).

A confirmation, a link to a subscription, “you are already subscribed”: each counts. One
in 24 hours and three in 30 days, in any spelling of the address. The budget is renewed
when the owner of the mailbox acts on a message. A stranger who uses it up does not lock
the owner out, because a link in any earlier message needs no further message: see `proof`.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ..identity import canonical
from ..models import Delivery, RequestedMessage, Subscriber
from ..notifications.outbox import queue_message
from . import addresses, limits

INTERVAL = timedelta(hours=24)
PERIOD = timedelta(days=30)
MAX_PER_PERIOD = 3


def has_room(address: str) -> bool:
    """Whether a message may be sent to this address now. Locks the mailbox until the transaction ends."""
    key, now = mailbox_key(address), timezone.now()
    _lock(key)
    sent = list(RequestedMessage.objects.since(now - PERIOD).filter(mailbox=key).values_list("sent_at", flat=True))
    if len(sent) < MAX_PER_PERIOD and all(at <= now - INTERVAL for at in sent):
        return True
    limits.record_refusal()
    return False


def send(subscriber: Subscriber, kind: Delivery.Letter) -> None:
    """Send a message that a stranger may have asked for. Raises LimitReached if nobody can be written to now."""
    limits.take_message()
    address = subscriber.mail_address
    RequestedMessage.objects.create(
        mailbox=mailbox_key(address), address=address_key(address), subscriber_id=subscriber.pk
    )
    queue_message(subscriber, kind)


def renew(address: str) -> None:
    """Forget what was sent, because the owner of the mailbox acted on a message."""
    RequestedMessage.objects.filter(mailbox=mailbox_key(address)).delete()


def prune(now: datetime) -> int:
    """Delete what no longer counts; return how many."""
    return RequestedMessage.objects.filter(sent_at__lte=now - PERIOD).delete()[0]


def mailbox_key(address: str) -> str:
    """Return the keyed hash of what is probably the mailbox of an address; good enough for a limit."""
    return _hash("mailbox", addresses.mailbox(address))


def address_key(address: str) -> str:
    """Return the keyed hash of an address, in any spelling."""
    return _hash("address", canonical(address))


def _hash(kind: str, value: str) -> str:
    return salted_hmac(f"incidents.subscriptions.budget.{kind}", value, algorithm="sha256").hexdigest()


def _lock(key: str) -> None:
    # There may be no row to lock yet.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [key])
