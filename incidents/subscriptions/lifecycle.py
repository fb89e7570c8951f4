"""Lock a subscriber and change it: opt-in, choices, end. Used by the verbs in `service` and `following`.

Each write names its fields, because values that were read before the lock may be outdated.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from .. import counters
from ..identity import canonical
from ..metrics.definitions import SIGN_UPS
from ..models import Component, Delivery, SkipReason, Subscriber
from ..models.subscribers import SubscriberQuerySet
from ..notifications.ledger.writer import skip

CONSENT_TEXT = "2026-11-26-2"  # version of templates/subscriptions/_consent.html

State = Subscriber.State


@dataclass(frozen=True)
class Choices:
    """What a subscriber wants to be notified of, and in which language. No components means all, also future ones."""

    language: str
    wants_incidents: bool = True
    wants_maintenance: bool = True
    components: tuple[Component, ...] = ()

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Choices":
        components = tuple(subscriber.components.all())
        return cls(subscriber.language, subscriber.wants_incidents, subscriber.wants_maintenance, components)


def erased_key(address: str, secret: str | None = None) -> str:
    """Return a keyed hash by which an erased address is recognised but cannot be recovered."""
    return erased_keys([canonical(address)], settings.SECRET_KEY if secret is None else secret)[0]


def erased_keys(canonical_addresses: Iterable[str], secret: str) -> list[str]:
    """Return `erased_key` of each address, in the order given."""
    # As Django's `salted_hmac`, which derives its own key from the secret again for each value.
    key = sha256(f"incidents.subscriptions.erased{secret}".encode()).digest()
    # Upper case, as in the keys that were stored before there was a canonical form.
    return [hmac.digest(key, address.upper().encode(), "sha256").hex() for address in canonical_addresses]


def lock_address(address: str) -> None:
    """Serialise sign-ups of an address with an advisory lock: there may be no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [canonical(address)])


def confirmed_subscriptions(address: str) -> SubscriberQuerySet:
    """Return all subscriptions of an address that were confirmed, also ended ones: by email first, then webhooks."""
    known = Subscriber.objects.by_mail(address) | Subscriber.objects.webhooks_of(address)
    return known.exclude(state=State.PENDING).order_by("owner", F("requested_at").desc(nulls_last=True))


def lock_token_subscriber(value: str | None) -> None:
    """Lock the subscriber that a token names, so that two clicks are processed one after the other."""
    if value is not None:
        lock_subscriber(value.partition(":")[0])


def lock_subscriber(pk: str) -> Subscriber | None:
    return Subscriber.objects.select_for_update().filter(pk=pk).first()


def lock_if_unchanged(subscriber: Subscriber) -> Subscriber | None:
    """Lock the subscriber; return None if they were erased or started a new opt-in since they were read."""
    present = lock_subscriber(subscriber.pk)
    if present is None or not present.address or present.opt_in_round != subscriber.opt_in_round:
        return None
    return present


def start_opt_in(subscriber: Subscriber | None, address: str, choices: Choices) -> Subscriber:
    """Return a pending subscriber, ready to be asked for confirmation. Re-subscribing is a new opt-in."""
    if subscriber is None:
        subscriber = Subscriber.new(address, language=choices.language)
    elif subscriber.state != State.PENDING:
        subscriber.opt_in_round += 1
    subscriber.state = State.PENDING
    subscriber.requested_at = timezone.now()
    subscriber.consent_text = CONSENT_TEXT
    subscriber.consent_method = Subscriber.ConsentMethod.FORM
    subscriber.consent_source = ""
    consent = ("consent_text", "consent_method", "consent_source")
    save_choices(subscriber, choices, "opt_in_round", "state", "requested_at", *consent)
    return subscriber


def activate(subscriber: Subscriber) -> None:
    """Make a locked, pending subscriber active: its owner has agreed."""
    subscriber.state, subscriber.confirmed_at = State.ACTIVE, timezone.now()
    subscriber.left_at, subscriber.suspended_because = None, ""
    save_fields(subscriber, "state", "confirmed_at", "left_at", "suspended_because")
    counters.count(SIGN_UPS, "confirmed")


def return_to_earlier_round(subscriber: Subscriber, choices: Choices) -> None:
    """Undo a locked, pending subscriber's new opt-in, which was not confirmed: a stranger may have asked for it."""
    # Only a suspension leaves no time of leaving.
    subscriber.state = State.UNSUBSCRIBED if subscriber.left_at else State.SUSPENDED
    save_choices(subscriber, choices, "state")


def save_choices(subscriber: Subscriber, choices: Choices, *changed: str) -> None:
    """Save the choices together with the fields in `changed`."""
    subscriber.language = choices.language
    subscriber.wants_incidents = choices.wants_incidents
    subscriber.wants_maintenance = choices.wants_maintenance
    save_fields(subscriber, "language", "wants_incidents", "wants_maintenance", *changed)
    subscriber.components.set(choices.components)


def end_subscription(subscriber: Subscriber) -> None:
    """Unsubscribe a locked subscriber and skip their waiting deliveries."""
    subscriber.state = State.UNSUBSCRIBED
    subscriber.left_at = timezone.now()
    subscriber.paused_until = None
    save_fields(subscriber, "state", "left_at", "paused_until")
    subscriber.incident_choices.all().delete()
    skip(Delivery.objects.filter(subscriber=subscriber), SkipReason.UNSUBSCRIBED)


def save_fields(subscriber: Subscriber, *fields: str) -> None:
    is_new = subscriber._state.adding
    subscriber.save(update_fields=None if is_new else [*fields, "updated_at"])
