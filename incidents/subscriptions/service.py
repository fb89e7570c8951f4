"""The verbs of a subscription. Tokens are checked here, so that a view cannot forget to.

No verb says whether an address is known: `sign_up` and `request_manage_link` return
nothing, and what the owner of the address may know stands in a letter (STANDARDS P5).

Every verb locks the subscriber before it decides anything and before it takes from a
limit, and writes only its own fields: what was read earlier may be over by then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from .. import links
from ..links import Purpose
from ..models import Component, Delivery, DeliveryState, SkipReason, Subscriber
from ..notifications.delivery import queue_letter
from ..notifications.ledger import move
from . import limits

CONSENT_TEXT = "2026-11"  # the version of templates/subscriptions/_consent.html that people agree to
CONFIRM_WITHIN = timedelta(hours=72)
MANAGE_WITHIN = timedelta(hours=1)
UNCONFIRMED_KEPT = timedelta(days=7)

State = Subscriber.State


class Finding(StrEnum):
    """What a link turned out to be."""

    OPEN = "open"  # it can be used
    USED = "used"  # what it is for has been done
    OLD = "old"  # it was ours, and its time is over
    WRONG = "wrong"  # never ours, or not copied whole


@dataclass(frozen=True)
class Choices:
    """What somebody wants to hear of, and in which language. No components means all, also those added later."""

    language: str
    wants_incidents: bool = True
    wants_maintenance: bool = True
    components: tuple[Component, ...] = ()


@transaction.atomic
def sign_up(*, address: str, choices: Choices, network: str = "", stamp: str = "") -> None:
    """Asks the owner of a (normalised) mail address to confirm, or tells them that they subscribe already.

    `network` and `stamp` say where the wish came from, for the limits. Beyond a limit
    no letter goes out and no address is taken in.
    """
    _lock_address(address)
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    may_write = limits.may_sign_up(address=address, network=network, stamp=stamp)
    if subscriber is not None and subscriber.state == State.ACTIVE:
        if may_write:
            _choose(subscriber, _present_choices(subscriber))  # as much work as for a stranger: time tells nothing
            queue_letter(subscriber, Delivery.Letter.ALREADY_SUBSCRIBED)
        return
    if may_write:
        subscriber = _begin_round(subscriber, address, choices)
        queue_letter(subscriber, Delivery.Letter.CONFIRMATION)
    elif subscriber is not None and subscriber.state == State.PENDING:
        _choose(subscriber, choices)  # the letter on its way confirms the newest choices


def look_at_confirmation(token: str) -> tuple[Finding, Subscriber | None]:
    """What a confirmation link would do now; changes nothing."""
    value = links.unsign(Purpose.CONFIRM, token)
    if value is None:
        return Finding.WRONG, None
    pk, _colon, signed_round = value.partition(":")
    subscriber = Subscriber.objects.filter(pk=pk).first()
    if subscriber is None:
        return Finding.OLD, None
    if subscriber.state == State.ACTIVE:
        return Finding.USED, subscriber
    in_time = links.unsign(Purpose.CONFIRM, token, int(CONFIRM_WITHIN.total_seconds())) is not None
    if subscriber.state == State.PENDING and str(subscriber.opt_in_round) == signed_round and in_time:
        return Finding.OPEN, subscriber
    return Finding.OLD, None


@transaction.atomic
def confirm(*, token: str) -> tuple[Finding, Subscriber | None]:
    """Makes a subscriber active. OPEN means that this call did it; USED that it had been done."""
    _lock(links.unsign(Purpose.CONFIRM, token))
    finding, subscriber = look_at_confirmation(token)
    if finding == Finding.OPEN and subscriber is not None:
        subscriber.state = State.ACTIVE
        subscriber.confirmed_at = timezone.now()
        subscriber.left_at, subscriber.suspended_because = None, ""
        _save(subscriber, "state", "confirmed_at", "left_at", "suspended_because")
        asked = Delivery.objects.filter(subscriber=subscriber, letter=Delivery.Letter.CONFIRMATION)
        move(asked, DeliveryState.SKIPPED, skip_reason=SkipReason.CONFIRMED)
        limits.forgive(address=subscriber.address)
    return finding, subscriber


def look_at_unsubscription(token: str) -> tuple[Finding, Subscriber | None]:
    """What an unsubscribe link would do now; changes nothing. Such a link never grows old."""
    value = links.unsign(Purpose.UNSUBSCRIBE, token)
    if value is None:
        return Finding.WRONG, None
    subscriber = Subscriber.objects.filter(pk=value.partition(":")[0]).first()
    if subscriber is None or subscriber.state == State.UNSUBSCRIBED:
        return Finding.USED, subscriber
    return Finding.OPEN, subscriber


@transaction.atomic
def unsubscribe(*, token: str) -> tuple[Finding, Subscriber | None]:
    """Ends a subscription at once, with everything that waits to be sent. Again and again is fine."""
    _lock(links.unsign(Purpose.UNSUBSCRIBE, token))
    finding, subscriber = look_at_unsubscription(token)
    if finding == Finding.OPEN and subscriber is not None:
        _leave(subscriber)
    return finding, subscriber


@transaction.atomic
def leave(subscriber: Subscriber) -> bool:
    """Ends the subscription of somebody who was read before; False if it has ended meanwhile."""
    present = _locked(subscriber.pk)
    if present is None or present.state == State.UNSUBSCRIBED:
        return False
    _leave(present)
    return True


@transaction.atomic
def request_manage_link(*, address: str, network: str = "") -> None:
    """Mails a link to the choices behind an address, if there are any; erased and unknown addresses get nothing."""
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    if subscriber is not None and limits.may_send_manage_link(address=address, network=network):
        queue_letter(subscriber, Delivery.Letter.MANAGE)


def look_at_manage_link(token: str) -> tuple[Finding, Subscriber | None]:
    """Whose choices a manage link opens: for an hour, and not any longer once they are erased or begun anew."""
    value = links.unsign(Purpose.MANAGE, token)
    if value is None:
        return Finding.WRONG, None
    pk, _colon, signed_round = value.partition(":")
    subscriber = Subscriber.objects.exclude(address="").filter(pk=pk).first()
    in_time = links.unsign(Purpose.MANAGE, token, int(MANAGE_WITHIN.total_seconds())) is not None
    if subscriber is None or not in_time or str(subscriber.opt_in_round) != signed_round:
        return Finding.OLD, None
    return Finding.OPEN, subscriber


@transaction.atomic
def change(*, subscriber: Subscriber, choices: Choices, paused_until: datetime | None = None) -> Finding:
    """Other choices for somebody who was read before; `paused_until` keeps everything back until then.

    OLD, and nothing is changed, if they were erased or began anew meanwhile. Who left stays away.
    """
    present = _locked_as_read(subscriber)
    if present is None:
        return Finding.OLD
    present.paused_until = paused_until
    _choose(present, choices, "paused_until")
    return Finding.OPEN


@transaction.atomic
def erase(*, subscriber: Subscriber) -> Finding:
    """Forgets who this was. The ledger keeps its numbers, without an address and without what servers replied.

    OLD, and nothing is changed, if they were erased or began anew since `subscriber` was read.
    """
    present = _locked_as_read(subscriber)
    if present is None:
        return Finding.OLD
    _leave(present)
    present.address = present.suspended_because = ""
    _save(present, "address", "suspended_because")
    present.components.clear()
    present.deliveries.update(reply="")
    return Finding.OPEN


def export(*, subscriber: Subscriber) -> dict[str, Any]:
    """Everything that is stored about a subscriber, in the words of the database; times in UTC."""
    fields = [field.name for field in Subscriber._meta.fields]
    deliveries = subscriber.deliveries.order_by("created_at")
    return {
        **{name: getattr(subscriber, name) for name in fields},
        "components": list(subscriber.components.order_by("slug").values_list("slug", flat=True)),
        "deliveries": list(
            deliveries.values("letter", "language", "state", "skip_reason", "created_at", "sent_at", "reply")
        ),
    }


@transaction.atomic
def forget_unconfirmed(*, now: datetime) -> int:
    """Deletes sign-ups that nobody confirmed in seven days; returns how many. Who had come back has left as before."""
    late = Subscriber.objects.filter(state=State.PENDING, requested_at__lt=now - UNCONFIRMED_KEPT)
    late.filter(opt_in_round__gt=1).update(state=State.UNSUBSCRIBED)
    # Locked first: a deletion goes by what it read, and somebody may confirm in between.
    still_late = list(late.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Subscriber.objects.filter(pk__in=still_late).delete()[1].get(Subscriber._meta.label, 0)


def _begin_round(subscriber: Subscriber | None, address: str, choices: Choices) -> Subscriber:
    """A pending subscriber who is about to be asked. Coming back after leaving is a new opt-in."""
    if subscriber is None:
        subscriber = Subscriber(address=address, language=choices.language)
    elif subscriber.state != State.PENDING:
        subscriber.opt_in_round += 1
    subscriber.state = State.PENDING
    subscriber.requested_at = timezone.now()
    subscriber.consent_text = CONSENT_TEXT
    subscriber.consent_method = Subscriber.ConsentMethod.FORM
    _choose(subscriber, choices, "opt_in_round", "state", "requested_at", "consent_text", "consent_method")
    return subscriber


def _leave(subscriber: Subscriber) -> None:
    subscriber.state = State.UNSUBSCRIBED
    subscriber.left_at = timezone.now()
    subscriber.paused_until = None
    _save(subscriber, "state", "left_at", "paused_until")
    move(Delivery.objects.filter(subscriber=subscriber), DeliveryState.SKIPPED, skip_reason=SkipReason.UNSUBSCRIBED)


def _present_choices(subscriber: Subscriber) -> Choices:
    components = tuple(subscriber.components.all())
    return Choices(subscriber.language, subscriber.wants_incidents, subscriber.wants_maintenance, components)


def _choose(subscriber: Subscriber, choices: Choices, *changed: str) -> None:
    """Writes the choices, and the fields in `changed` with them."""
    subscriber.language = choices.language
    subscriber.wants_incidents = choices.wants_incidents
    subscriber.wants_maintenance = choices.wants_maintenance
    _save(subscriber, "language", "wants_incidents", "wants_maintenance", *changed)
    subscriber.components.set(choices.components)


def _save(subscriber: Subscriber, *fields: str) -> None:
    is_new = subscriber._state.adding
    subscriber.save(update_fields=None if is_new else [*fields, "updated_at"])


def _lock(value: str | None) -> None:
    """Holds the subscriber that a token names, so that two presses come one after the other."""
    if value is not None:
        _locked(value.partition(":")[0])


def _locked(pk: str) -> Subscriber | None:
    return Subscriber.objects.select_for_update().filter(pk=pk).first()


def _locked_as_read(subscriber: Subscriber) -> Subscriber | None:
    """The subscriber as they are now, if they are known and still in the round that was read."""
    present = _locked(subscriber.pk)
    if present is None or not present.address or present.opt_in_round != subscriber.opt_in_round:
        return None
    return present


def _lock_address(address: str) -> None:
    """Lets one sign-up of an address wait for another; there may be no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [address.upper()])
