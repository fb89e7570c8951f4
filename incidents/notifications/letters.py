"""A letter of our own accord becomes a row: by mail to whose subscription it is, or to the webhook itself."""

from django.conf import settings
from django.utils import timezone

from ..models import Delivery, Subscriber
from ..models.ids import new_id
from . import hosts
from .channels import email, post

# What goes to the webhook, to see whether its owner reads what arrives there.
_POSTED = {Delivery.Letter.CODE}
MAILED: list[str] = [letter for letter in Delivery.Letter if letter not in _POSTED]


def write(subscriber: Subscriber, letter: Delivery.Letter | str) -> Delivery:
    is_posted = letter in _POSTED
    address = subscriber.address if is_posted else subscriber.mail_address
    return Delivery.objects.create(
        subscriber=subscriber,
        letter=letter,
        channel=subscriber.channel if is_posted else Subscriber.Channel.EMAIL,
        language=subscriber.reading_language,
        destination=post.destination(address) if is_posted else hosts.group_of(email.destination(address)),
        message_id=f"<{new_id()}.{subscriber.pk}@{settings.SITE_HOST}>",
        dated_at=timezone.now().replace(microsecond=0),
    )
