"""The verbs of a subscription. Tokens are checked here, so that no view can forget to.

No verb reveals whether an address is known: a worker calls `sign_up` and
`send_manage_link` (see `requests`), and only the owner of the address is informed, by
email (STANDARDS P5).

Every verb locks the subscriber before it decides anything or takes from a limit, and
writes only its own fields, because values that were read before may be outdated.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from .. import links
from ..links import Purpose
from ..models import Delivery, IncidentChoice, SkipReason, Subscriber
from ..notifications.ledger.writer import skip
from ..notifications.outbox import queue_message
from . import budget, consents, erasure, following, lifecycle, limits
from .consents import Method, Step
from .lifecycle import CONSENT_TEXT, Choices, State
from .proof import Proof

CONFIRM_WITHIN = timedelta(hours=72)
MANAGE_WITHIN = timedelta(hours=1)
UNCONFIRMED_KEPT = timedelta(days=7)

_NEWS = [Delivery.Letter.UPDATE, Delivery.Letter.COMPONENT]
_CONFIRMATIONS = [Delivery.Letter.CONFIRMATION, Delivery.Letter.FOLLOW]


class LinkState(StrEnum):
    """The result of checking a link."""

    VALID = "valid"  # can be used
    USED = "used"  # has had its effect already
    EXPIRED = "expired"  # was valid once
    INVALID = "invalid"  # not one of ours, or copied incompletely


@transaction.atomic
def sign_up(*, address: str, choices: Choices) -> None:
    """Ask the owner of a normalised email address to confirm, or inform them that they are subscribed already.

    Beyond a limit, no message is sent and no address is stored.
    """
    lifecycle.lock_address(address)
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    has_room = budget.has_room(address)
    if subscriber is not None and subscriber.state == State.ACTIVE:
        if has_room:
            budget.send(subscriber, Delivery.Letter.ALREADY_SUBSCRIBED)
        return
    if has_room:
        subscriber = lifecycle.start_opt_in(subscriber, address, choices)
        budget.send(subscriber, Delivery.Letter.CONFIRMATION)
    elif subscriber is not None and subscriber.state == State.PENDING:
        lifecycle.save_choices(subscriber, choices)  # the confirmation that was already sent covers these choices
    else:
        return
    consents.record(subscriber, Step.REQUESTED, Method.FORM, CONSENT_TEXT)


@transaction.atomic
def ask_again(subscriber: Subscriber) -> bool:
    """Send the request for confirmation again; False if none is awaited, or the mailbox has had enough of them."""
    present = lifecycle.lock_subscriber(subscriber.pk)
    if present is None or present.state != State.PENDING or not budget.has_room(present.mail_address):
        return False
    budget.send(present, Delivery.Letter.CONFIRMATION if present.is_mail else Delivery.Letter.WEBHOOK)
    return True


def check_confirmation_link(token: str) -> tuple[LinkState, Subscriber | None]:
    """Return what a confirmation link would do now, without changing anything."""
    value = links.unsign(Purpose.CONFIRM, token)
    if value is None:
        return LinkState.INVALID, None
    pk, _colon, signed_round = value.partition(":")
    subscriber = Subscriber.objects.filter(pk=pk).first()
    if subscriber is None:
        return LinkState.EXPIRED, None
    in_time = links.unsign(Purpose.CONFIRM, token, int(CONFIRM_WITHIN.total_seconds())) is not None
    is_pending, is_active = subscriber.state == State.PENDING, subscriber.state == State.ACTIVE
    can_confirm = is_pending or (is_active and following.has_unconfirmed_choices(subscriber))
    if can_confirm and in_time and str(subscriber.opt_in_round) == signed_round:
        return LinkState.VALID, subscriber
    return (LinkState.USED, subscriber) if is_active else (LinkState.EXPIRED, None)


@transaction.atomic
def confirm(*, token: str) -> tuple[LinkState, Subscriber | None]:
    """Activate the subscriber and confirm the incidents they asked to follow.

    VALID means that this call confirmed; USED that an earlier one did.
    """
    lifecycle.lock_token_subscriber(links.unsign(Purpose.CONFIRM, token))
    link_state, subscriber = check_confirmation_link(token)
    if link_state == LinkState.VALID and subscriber is not None:
        if subscriber.state == State.PENDING:
            _activate(subscriber)
        following.confirm(subscriber)
        consents.record(subscriber, Step.CONFIRMED, Method.EMAIL)
        budget.renew(subscriber.address)
    return link_state, subscriber


@transaction.atomic
def subscribe_with_proof(*, proof: Proof, address: str, choices: Choices) -> tuple[LinkState, Subscriber | None]:
    """Subscribe the owner of a mailbox, proved by a link in an earlier message: no further message is needed.

    USED if they are subscribed already, and nothing changes; INVALID if the link proves another address.
    """
    if not (proof.subscribes and proof.proves(address)):
        return LinkState.INVALID, None
    lifecycle.lock_address(address)
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    if subscriber is not None and subscriber.state == State.ACTIVE:
        return LinkState.USED, subscriber
    subscriber = lifecycle.start_opt_in(subscriber, address, choices)
    _activate(subscriber)
    consents.record(subscriber, Step.CONFIRMED, Method.FORM, CONSENT_TEXT)
    budget.renew(address)
    return LinkState.VALID, subscriber


def _activate(subscriber: Subscriber) -> None:
    # Make a locked, pending subscriber active; a confirmation that waits to be sent is not needed any more.
    lifecycle.activate(subscriber)
    subscriber.incident_choices.filter(told=False).delete()
    confirmations = Delivery.objects.filter(subscriber=subscriber, letter__in=_CONFIRMATIONS)
    skip(confirmations, SkipReason.CONFIRMED)


def check_unsubscribe_link(token: str) -> tuple[LinkState, Subscriber | None]:
    """Return what an unsubscribe link would do now, without changing anything. These links never expire."""
    value = links.unsign(Purpose.UNSUBSCRIBE, token)
    if value is None:
        return LinkState.INVALID, None
    subscriber = Subscriber.objects.filter(pk=value.partition(":")[0]).first()
    if subscriber is None or subscriber.state == State.UNSUBSCRIBED:
        return LinkState.USED, subscriber
    return LinkState.VALID, subscriber


@transaction.atomic
def unsubscribe(*, token: str) -> tuple[LinkState, Subscriber | None]:
    """End a subscription immediately and skip its waiting deliveries. Idempotent."""
    lifecycle.lock_token_subscriber(links.unsign(Purpose.UNSUBSCRIBE, token))
    link_state, subscriber = check_unsubscribe_link(token)
    if link_state == LinkState.VALID and subscriber is not None:
        lifecycle.end_subscription(subscriber)
        consents.record(subscriber, Step.ENDED, Method.EMAIL)
    return link_state, subscriber


@transaction.atomic
def end_subscription(subscriber: Subscriber, method: Method = Method.STAFF) -> bool:
    """End a subscription for staff or the email provider; return False if it had ended already."""
    present = lifecycle.lock_subscriber(subscriber.pk)
    if present is None or present.state == State.UNSUBSCRIBED:
        return False
    lifecycle.end_subscription(present)
    consents.record(present, Step.ENDED, method)
    return True


@transaction.atomic
def send_manage_link(*, address: str) -> None:
    """Email a link to the subscriptions of an address; unknown, unconfirmed and erased ones get nothing."""
    subscriber = lifecycle.confirmed_subscriptions(address).select_for_update().first()
    if subscriber is not None and budget.has_room(address):
        budget.send(subscriber, Delivery.Letter.MANAGE)


@transaction.atomic
def send_manage_link_with_proof(*, proof: Proof, address: str) -> None:
    """Email a manage link for the holder of a link in an earlier message, outside the budget of strangers.

    Raises LimitReached.
    """
    subscriber = lifecycle.confirmed_subscriptions(address).select_for_update().first()
    if subscriber is not None and proof.proves(address):
        limits.take_owner_link(mailbox=budget.mailbox_key(address))
        queue_message(subscriber, Delivery.Letter.MANAGE)


def manage_token(subscriber: Subscriber, *, like: str) -> str:
    """Return the token of a manage link that ends when another one, `like`, does."""
    return links.sign(Purpose.MANAGE, f"{subscriber.pk}:{subscriber.opt_in_round}", links.signed_at(like))


def check_manage_link(token: str) -> tuple[LinkState, Subscriber | None]:
    """Return what a manage link gives access to: for an hour, and only until erasure or a new opt-in."""
    value = links.unsign(Purpose.MANAGE, token)
    if value is None:
        return LinkState.INVALID, None
    pk, _colon, signed_round = value.partition(":")
    subscriber = Subscriber.objects.exclude(address="").filter(pk=pk).first()
    in_time = links.unsign(Purpose.MANAGE, token, int(MANAGE_WITHIN.total_seconds())) is not None
    if subscriber is None or not in_time or str(subscriber.opt_in_round) != signed_round:
        return LinkState.EXPIRED, None
    return LinkState.VALID, subscriber


@transaction.atomic
def change_choices(
    *,
    subscriber: Subscriber,
    choices: Choices,
    paused_until: datetime | None = None,
    time_zone: str = "",
    incidents: Collection[str] = (),
) -> LinkState:
    """Save new choices; nothing is sent until `paused_until`.

    `incidents` are the ids to follow, of those in `following.public_choices`.

    Returns EXPIRED and changes nothing if the subscriber was erased or started a new
    opt-in since they were read. Unsubscribed people stay unsubscribed.
    """
    present = lifecycle.lock_if_unchanged(subscriber)
    if present is None:
        return LinkState.EXPIRED
    budget.renew(present.mail_address)
    present.paused_until, present.time_zone = paused_until, time_zone
    lifecycle.save_choices(present, choices, "paused_until", "time_zone")
    following.save_choices(present, incidents)
    consents.record_change(present, Method.PAGE)
    if paused_until is not None:
        updates = Delivery.objects.filter(subscriber=present, letter__in=_NEWS)
        skip(updates, SkipReason.PAUSED)
    return LinkState.VALID


@transaction.atomic
def erase(*, subscriber: Subscriber) -> LinkState:
    """Delete the personal data of all subscriptions of the subscriber's mailbox, also pending ones and webhooks.

    Deliveries stay, without the address and without servers' replies. Returns EXPIRED and
    changes nothing if the subscriber was erased or started a new opt-in since they were read.
    """
    subscriptions = erasure.lock_subscriptions(subscriber.mail_address)
    if (subscriber.pk, subscriber.opt_in_round) not in {(one.pk, one.opt_in_round) for one in subscriptions}:
        return LinkState.EXPIRED
    erasure.erase(subscriptions)
    return LinkState.VALID


@transaction.atomic
def delete_unconfirmed(*, now: datetime) -> int:
    """Delete sign-ups that were not confirmed within seven days; return how many.

    A subscriber of an earlier round returns to its state and to the choices that its owner made.
    """
    following.delete_unconfirmed(before=now - UNCONFIRMED_KEPT)
    unconfirmed = Subscriber.objects.filter(state=State.PENDING, requested_at__lt=now - UNCONFIRMED_KEPT)
    IncidentChoice.objects.filter(subscriber__in=unconfirmed).delete()
    for subscriber in unconfirmed.filter(opt_in_round__gt=1).order_by("pk").select_for_update():
        lifecycle.return_to_earlier_round(subscriber, consents.last_choices(subscriber))
    # Locked first: delete() works on rows it read, and one may be confirmed in between.
    locked = list(unconfirmed.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Subscriber.objects.filter(pk__in=locked).delete()[1].get(Subscriber._meta.label, 0)
