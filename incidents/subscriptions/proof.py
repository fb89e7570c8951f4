"""Proof of owning a mailbox: a signed link from any message that we sent there, however old.

Strangers can use up the budget of messages to a mailbox, so its owner must not depend on
another message. A proof allows what ends in the owner's own hands: to subscribe this
mailbox, to connect a webhook of its owner, and to get a manage link by email. It neither
shows nor changes a subscription.
"""

from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import constant_time_compare

from .. import links
from ..identity import canonical
from ..links import Purpose
from ..models import RequestedMessage, Subscriber
from . import budget, lifecycle

_PURPOSES = (Purpose.CONFIRM, Purpose.CONNECT, Purpose.MANAGE, Purpose.UNSUBSCRIBE)


@dataclass(frozen=True)
class Proof:
    """The subscriber that a link is about; `subscriber` is None if the row was deleted."""

    subscriber_id: str
    subscriber: Subscriber | None
    # Unknown for the unsubscribe link of an erased subscriber: that of a webhook was posted to the webhook.
    was_emailed: bool = True

    @property
    def address(self) -> str:
        """The address that is proved; empty if it is not stored any more and has to be typed."""
        return self.subscriber.mail_address if self.subscriber else ""

    def proves(self, address: str) -> bool:
        """Whether the link was sent to this normalised address."""
        if self.address:
            return canonical(self.address) == canonical(address)
        erased_key = self.subscriber.erased_key if self.subscriber else ""
        if any(constant_time_compare(erased_key, key) for key in _erased_keys(address)):
            return True
        # An erased webhook has no hash of its owner's address.
        sent = RequestedMessage.objects.filter(subscriber_id=self.subscriber_id, mailbox=budget.mailbox_key(address))
        return self.was_emailed and sent.exists()


def of_link(token: str) -> Proof | None:
    """Return what a link proves; None if it is invalid, or about a subscriber of whom nothing is known any more."""
    for purpose in _PURPOSES:
        value = links.unsign(purpose, token)
        if value is not None:
            return _proof(value.partition(":")[0], purpose)
    return None


def _proof(subscriber_id: str, purpose: Purpose) -> Proof | None:
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if subscriber is None or (purpose is Purpose.CONNECT and not subscriber.address):
        is_known = RequestedMessage.objects.filter(subscriber_id=subscriber_id).exists()
        return Proof(subscriber_id, None) if is_known else None
    # The unsubscribe link of a webhook is posted to the webhook, not to its owner's mailbox.
    if purpose is Purpose.UNSUBSCRIBE and not subscriber.is_mail:
        return None
    return Proof(subscriber_id, subscriber, was_emailed=purpose is not Purpose.UNSUBSCRIBE)


def _erased_keys(address: str) -> list[str]:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [lifecycle.erased_key(address, secret) for secret in secrets]
