"""The outbox: what subscribers are to hear of, written in the transaction of the verb that decides it.

An announcement expands later into deliveries, once its hold is over (see `release`).
A single message, such as a confirmation, is a delivery at once.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import Announcement, Delivery, Subscriber, Update
from ..models.ids import new_id
from . import addressing, queues
from .ledger import mx

# Posted to the webhook, to see whether its owner reads what arrives there; the others go by mail.
_POSTED = {Delivery.Letter.CODE}
MAILED: list[str] = [letter for letter in Delivery.Letter if letter not in _POSTED]


def announce(update: Update) -> Announcement:
    """Subscribers hear of this update once the hold is over."""
    return _add(update, Announcement.Reason.UPDATE)


def announce_correction(update: Update) -> Announcement:
    """Subscribers hear of the corrected text; an announcement that is still held has it anyway."""
    held = Announcement.objects.held().filter(update=update).first()
    return held or _add(update, Announcement.Reason.CORRECTION)


def _add(update: Update, reason: Announcement.Reason) -> Announcement:
    now = timezone.now()
    return Announcement.objects.create(
        update=update, reason=reason, created_at=now, hold_until=now + timedelta(seconds=settings.ANNOUNCEMENT_HOLD)
    )


def queue_message(subscriber: Subscriber, letter: Delivery.Letter | str) -> Delivery:
    """A single message to one subscriber; sent once the transaction has committed."""
    row = write_message(subscriber, letter)
    by_mail = row.channel == Subscriber.Channel.EMAIL
    transaction.on_commit(lambda: queues.enqueue_mails(None, 1) if by_mail else queues.enqueue_posts())
    return row


def write_message(subscriber: Subscriber, letter: Delivery.Letter | str) -> Delivery:
    """The same without a job; for a worker, which finds the row itself."""
    is_posted = letter in _POSTED
    address = subscriber.address if is_posted else subscriber.mail_address
    destination = addressing.webhook_origin(address) if is_posted else mx.group_of(addressing.mail_domain(address))
    return Delivery.objects.create(
        subscriber=subscriber,
        letter=letter,
        channel=subscriber.channel if is_posted else Subscriber.Channel.EMAIL,
        language=subscriber.reading_language,
        destination=destination,
        message_id=f"<{new_id()}.{subscriber.pk}@{settings.SITE_HOST}>",
        dated_at=timezone.now().replace(microsecond=0),
    )
