"""A subscriber's row: how it is held, chosen for, left and forgotten. The verbs in `service` and `following` use it.

What is written here names its fields: what was read earlier may be over by then.
"""

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ..models import Component, Delivery, DeliveryState, SkipReason, Subscriber
from ..notifications.ledger.writer import transition

CONSENT_TEXT = "2026-11-24"  # the version of templates/subscriptions/_consent.html that people agree to

State = Subscriber.State


@dataclass(frozen=True)
class Choices:
    """What somebody wants to hear of, and in which language. No components means all, also those added later."""

    language: str
    wants_incidents: bool = True
    wants_maintenance: bool = True
    components: tuple[Component, ...] = ()

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Choices":
        components = tuple(subscriber.components.all())
        return cls(subscriber.language, subscriber.wants_incidents, subscriber.wants_maintenance, components)


def erased_key(address: str, secret: str | None = None) -> str:
    """What is kept of an erased address: nobody can tell the address from it, we can tell that it is the same."""
    return salted_hmac("incidents.subscriptions.erased", address.upper(), secret, algorithm="sha256").hexdigest()


def lock_address(address: str) -> None:
    """Lets one sign-up of an address wait for another; there may be no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [address.upper()])


def lock_token_subscriber(value: str | None) -> None:
    """Holds the subscriber that a token names, so that two presses come one after the other."""
    if value is not None:
        lock_subscriber(value.partition(":")[0])


def lock_subscriber(pk: str) -> Subscriber | None:
    return Subscriber.objects.select_for_update().filter(pk=pk).first()


def lock_if_unchanged(subscriber: Subscriber) -> Subscriber | None:
    """The subscriber as they are now, if they are known and still in the round that was read."""
    present = lock_subscriber(subscriber.pk)
    if present is None or not present.address or present.opt_in_round != subscriber.opt_in_round:
        return None
    return present


def start_opt_in(subscriber: Subscriber | None, address: str, choices: Choices) -> Subscriber:
    """A pending subscriber who is about to be asked. Coming back after leaving is a new opt-in."""
    if subscriber is None:
        subscriber = Subscriber(address=address, language=choices.language)
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


def save_choices(subscriber: Subscriber, choices: Choices, *changed: str) -> None:
    """Writes the choices, and the fields in `changed` with them."""
    subscriber.language = choices.language
    subscriber.wants_incidents = choices.wants_incidents
    subscriber.wants_maintenance = choices.wants_maintenance
    save_fields(subscriber, "language", "wants_incidents", "wants_maintenance", *changed)
    subscriber.components.set(choices.components)


def end_subscription(subscriber: Subscriber) -> None:
    """Ends a locked subscriber's subscription, with all that waits to be sent."""
    subscriber.state = State.UNSUBSCRIBED
    subscriber.left_at = timezone.now()
    subscriber.paused_until = None
    save_fields(subscriber, "state", "left_at", "paused_until")
    subscriber.incident_choices.all().delete()
    transition(
        Delivery.objects.filter(subscriber=subscriber), DeliveryState.SKIPPED, skip_reason=SkipReason.UNSUBSCRIBED
    )


def erase(subscriber: Subscriber) -> None:
    """Forgets who a locked subscriber was. The ledger keeps its numbers, without what servers replied."""
    end_subscription(subscriber)
    subscriber.erased_key = erased_key(subscriber.address)
    subscriber.address = subscriber.owner = subscriber.suspended_because = subscriber.time_zone = ""
    save_fields(subscriber, "address", "owner", "suspended_because", "time_zone", "erased_key")
    subscriber.components.clear()
    subscriber.secrets.all().delete()
    subscriber.attempts.all().delete()
    subscriber.deliveries.update(reply="")
    subscriber.bounces.update(reply="")


def save_fields(subscriber: Subscriber, *fields: str) -> None:
    is_new = subscriber._state.adding
    subscriber.save(update_fields=None if is_new else [*fields, "updated_at"])
