"""Proof of owning a mailbox: a signed link from an earlier message.

Strangers can use up the budget of messages to a mailbox, so its owner must not depend on
another message. What a proof allows ends in the owner's hands: to subscribe this mailbox,
to connect a webhook, and to get a manage link by email. It neither shows nor changes a
subscription.

Messages with an update are forwarded and archived, and their only links unsubscribe. Such
a link proves less: it undoes itself while the address is kept, and requests a manage link.
"""

from dataclasses import dataclass

from .. import links
from ..identity import canonical
from ..links import Purpose
from ..models import RequestedMessage, Subscriber
from . import budget
from .lifecycle import State

# Links in messages about the subscription itself, which there is no reason to forward.
_PRIVATE = (Purpose.CONFIRM, Purpose.CONNECT, Purpose.MANAGE)


@dataclass(frozen=True)
class Proof:
    """The subscriber that a link is about; `subscriber` is None if it was deleted or erased."""

    subscriber_id: str
    subscriber: Subscriber | None
    purpose: Purpose

    @property
    def address(self) -> str:
        """The address that is proved; empty if it is not stored any more and has to be typed."""
        return self.subscriber.mail_address if self.subscriber else ""

    @property
    def subscribes(self) -> bool:
        """Whether it is enough to subscribe the mailbox."""
        return self.is_private or (self.subscriber is not None and self.subscriber.state == State.UNSUBSCRIBED)

    @property
    def is_private(self) -> bool:
        """Whether it is enough to connect a webhook in the owner's name."""
        return self.purpose in _PRIVATE

    def proves(self, address: str) -> bool:
        """Whether the link was sent to this normalised address."""
        if self.address:
            return canonical(self.address) == canonical(address)
        sent = RequestedMessage.objects.filter(subscriber_id=self.subscriber_id, address=budget.address_key(address))
        return sent.exists()


def of_link(token: str) -> Proof | None:
    """Return what a link proves; None if it is invalid, or about a subscriber of whom nothing is known any more."""
    for purpose in (*_PRIVATE, Purpose.UNSUBSCRIBE):
        value = links.unsign(purpose, token)
        if value is not None:
            return _proof(value.partition(":")[0], purpose)
    return None


def _proof(subscriber_id: str, purpose: Purpose) -> Proof | None:
    subscriber = Subscriber.objects.exclude(address="").filter(pk=subscriber_id).first()
    is_unsubscribe_link = purpose is Purpose.UNSUBSCRIBE
    if subscriber is not None:
        # The unsubscribe link of a webhook is posted to the webhook.
        return None if is_unsubscribe_link and not subscriber.is_mail else Proof(subscriber_id, subscriber, purpose)
    # Of a deleted subscriber it is not known whether it was a webhook.
    if is_unsubscribe_link or not RequestedMessage.objects.filter(subscriber_id=subscriber_id).exists():
        return None
    return Proof(subscriber_id, None, purpose)
