"""The outbox: announcements and single messages, written in the transaction of the operation that causes them.

An announcement is expanded into deliveries once its hold is over (see `release`). A
single message, such as a confirmation, is a delivery from the start.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import Announcement, Delivery, Subscriber, Update
from ..models.ids import new_id
from . import addressing, queues
from .ledger import mx

# Posted to the webhook itself, because reading it proves control of the webhook; all others are sent by email.
_POSTED = {Delivery.Letter.CODE}
EMAIL_KINDS: list[str] = [kind for kind in Delivery.Letter if kind not in _POSTED]


def announce(update: Update) -> Announcement:
    """Announce this update to subscribers once the hold is over."""
    return _add(update, Announcement.Reason.UPDATE)


def announce_correction(update: Update) -> Announcement:
    """Announce the corrected text, unless an announcement of the update is still held: it will contain the text."""
    held = Announcement.objects.held().filter(update=update).first()
    return held or _add(update, Announcement.Reason.CORRECTION)


def _add(update: Update, reason: Announcement.Reason) -> Announcement:
    now = timezone.now()
    return Announcement.objects.create(
        update=update, reason=reason, created_at=now, hold_until=now + timedelta(seconds=settings.ANNOUNCEMENT_HOLD)
    )


def queue_message(subscriber: Subscriber, kind: Delivery.Letter | str) -> Delivery:
    """Create a single message to one subscriber, and enqueue it once the transaction has committed."""
    delivery = create_message(subscriber, kind)
    by_email = delivery.channel == Subscriber.Channel.EMAIL
    transaction.on_commit(lambda: queues.enqueue_emails(None, 1) if by_email else queues.enqueue_posts())
    return delivery


def create_message(subscriber: Subscriber, kind: Delivery.Letter | str) -> Delivery:
    """Create the message without enqueueing a job: a running worker or the next sweep finds it."""
    is_posted = kind in _POSTED
    address = subscriber.address if is_posted else subscriber.mail_address
    destination = addressing.webhook_origin(address) if is_posted else mx.group_of(addressing.mail_domain(address))
    return Delivery.objects.create(
        subscriber=subscriber,
        letter=kind,
        channel=subscriber.channel if is_posted else Subscriber.Channel.EMAIL,
        language=subscriber.reading_language,
        destination=destination,
        message_id=f"<{new_id()}.{subscriber.pk}@{settings.SITE_HOST}>",
        dated_at=timezone.now().replace(microsecond=0),
    )
