"""Verbs for subscribers that staff use; subscribers decide for themselves in `subscriptions`."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..models import Subscriber
from ..staff import rights
from ..staff.actors import Actor
from ..subscriptions import service, webhooks
from ..subscriptions.import_table import ImportResult
from ..subscriptions.importing import import_one
from ..subscriptions.lifecycle import Choices
from .recording import verb

_LONGEST_CONSENT = 200
_KNOWN = _("This address subscribes already.")
_HAS_LEFT = _("The owner of this address has unsubscribed, or nothing could be delivered. Only they can sign up again.")


@verb
def add_subscriber(*, address: str, url: str = "", choices: Choices, by: Actor) -> Subscriber:
    """Ask the owner of a normalised email address to confirm; with `url`, to connect this webhook.

    Raises ValidationError, and LimitReached if nobody can be written to now.
    """
    by.needs(rights.CHANGE_SUBSCRIBER)
    known = _find(address, url)
    if known is not None and known.state == Subscriber.State.ACTIVE:
        raise ValidationError({"email": _KNOWN})
    if url:
        webhooks.sign_up(url=url, address=address, choices=choices)
    else:
        service.sign_up(address=address, choices=choices)
    asked = _find(address, url)
    if asked is None or asked.state != Subscriber.State.PENDING:
        raise ValidationError({"email": _("This address has had enough messages from us. Try again tomorrow.")})
    return asked


@verb
def add_confirmed_subscriber(*, address: str, choices: Choices, consent: str, by: Actor) -> Subscriber:
    """Add the owner of a normalised email address, who has agreed elsewhere: `consent` says where. No email is sent."""
    by.needs(rights.CHANGE_SUBSCRIBER)
    if not consent.strip() or len(consent) > _LONGEST_CONSENT:
        raise ValidationError({"consent": _("Write where consent was given, in at most 200 characters.")})
    result = import_one(address=address, choices=choices, consent=consent.strip())
    added = _find(address)
    if result is not ImportResult.IMPORTED or added is None:
        raise ValidationError({"email": _KNOWN if result is ImportResult.KNOWN else _HAS_LEFT})
    return added


@verb
def resend_confirmation(*, subscriber: Subscriber, by: Actor) -> bool:
    """Ask a subscriber to confirm again; False if they need not, or were asked enough. Raises LimitReached."""
    by.needs(rights.CHANGE_SUBSCRIBER)
    return service.ask_again(subscriber)


@verb
def end_subscription(*, subscriber: Subscriber, by: Actor) -> bool:
    """End a subscription; return False if it had ended already."""
    by.needs(rights.CHANGE_SUBSCRIBER)
    return service.end_subscription(subscriber)


def _find(address: str, url: str = "") -> Subscriber | None:
    if not url:
        return Subscriber.objects.by_mail(address).first()
    return Subscriber.objects.webhooks_of(address).filter(address=url).first()
