"""Following and unfollowing a single incident.

Following is confirmed by email like a sign-up and shares its budget. It ends
automatically two weeks after the last update of an incident that is over, so that the
resolution, a correction and a postmortem still arrive. Subscribers who followed nothing
else are then erased.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from .. import links
from ..links import Purpose
from ..models import Delivery, Incident, IncidentChoice, SkipReason, Subscriber
from ..models.subscribers import IncidentChoiceQuerySet
from ..notifications.ledger.writer import skip
from . import budget, consents, erasure, lifecycle
from .consents import Method, Step
from .lifecycle import CONSENT_TEXT, Choices, State
from .proof import Proof

KEPT_AFTER_END = timedelta(days=14)


@transaction.atomic
def follow(*, address: str, incident: Incident, language: str) -> None:
    """Ask the owner of a normalised email address whether they want to follow an incident; see `service.sign_up`."""
    lifecycle.lock_address(address)
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    if budget.has_room(address):
        subscriber = _prepare_subscriber(subscriber, address, language)
        is_new = _add_request(subscriber, incident)
        budget.send(subscriber, Delivery.Letter.FOLLOW if is_new else Delivery.Letter.ALREADY_SUBSCRIBED)
        if is_new:
            consents.record(subscriber, Step.REQUESTED, Method.FORM, CONSENT_TEXT)
    elif subscriber is not None and subscriber.state == State.PENDING:
        _add_request(subscriber, incident)  # the confirmation that was already sent covers this too
        consents.record(subscriber, Step.REQUESTED, Method.FORM, CONSENT_TEXT)


@transaction.atomic
def follow_with_proof(*, proof: Proof, address: str, incident: Incident, language: str) -> Subscriber | None:
    """Follow an incident for the owner of a mailbox, proved by a link in an earlier message: no message is needed.

    Return None if the link proves another address.
    """
    if not (proof.is_private and proof.proves(address)):
        return None
    lifecycle.lock_address(address)
    known = Subscriber.objects.by_mail(address).select_for_update().first()
    subscriber = _prepare_subscriber(known, address, language, keeps_requests=False)
    if subscriber.state == State.PENDING:
        lifecycle.activate(subscriber)
    _add_request(subscriber, incident)
    confirm(subscriber, incident)
    consents.record(subscriber, Step.CONFIRMED, Method.FORM, CONSENT_TEXT)
    budget.renew(address)
    return subscriber


def has_unconfirmed_choices(subscriber: Subscriber) -> bool:
    """Whether a choice of the subscriber awaits confirmation."""
    return subscriber.incident_choices.filter(confirmed_at__isnull=True).exists()


def confirm(subscriber: Subscriber, incident: Incident | None = None) -> None:
    """Confirm the unconfirmed choice about an incident, or all; they replace earlier refusals of the same incidents."""
    unconfirmed = subscriber.incident_choices.filter(confirmed_at__isnull=True)
    unconfirmed = unconfirmed.filter(incident=incident) if incident else unconfirmed
    refused = subscriber.incident_choices.filter(told=False, incident__in=unconfirmed.values("incident"))
    refused.delete()
    unconfirmed.update(confirmed_at=timezone.now())


def incident_of_link(token: str) -> Incident | None:
    """Return the public incident that an unsubscribe link names; only links in notifications name one."""
    value = links.unsign(Purpose.UNSUBSCRIBE, token) or ""
    return Incident.objects.public().filter(pk=value.partition(":")[2]).first()


def hears_of_more(subscriber: Subscriber, incident: Incident) -> bool:
    """Whether the subscriber is notified of anything besides this incident."""
    others = subscriber.incident_choices.followed().exclude(incident=incident)
    return subscriber.wants_incidents or subscriber.wants_maintenance or others.exists()


@transaction.atomic
def unfollow(*, token: str) -> Incident | None:
    """Stop notifications about the incident that an unsubscribe link names, skip waiting ones, and return it.

    Ends the subscription if nothing else is followed. Returns None and changes nothing
    if the link names no incident.
    """
    lifecycle.lock_token_subscriber(links.unsign(Purpose.UNSUBSCRIBE, token))
    incident = incident_of_link(token)
    pk = (links.unsign(Purpose.UNSUBSCRIBE, token) or "").partition(":")[0]
    subscriber = Subscriber.objects.exclude(state=State.UNSUBSCRIBED).filter(pk=pk).first()
    if incident is None or subscriber is None:
        return incident
    if not hears_of_more(subscriber, incident):
        lifecycle.end_subscription(subscriber)
        consents.record(subscriber, Step.ENDED, Method.EMAIL)
        return incident
    subscriber.incident_choices.filter(incident=incident).delete()
    now = timezone.now()
    IncidentChoice.objects.create(
        subscriber=subscriber, incident=incident, told=False, requested_at=now, confirmed_at=now
    )
    _skip_waiting(subscriber, [incident.pk])
    consents.record_change(subscriber, Method.EMAIL)
    return incident


def public_choices(subscriber: Subscriber) -> IncidentChoiceQuerySet:
    """Return the confirmed choices about public incidents."""
    public = subscriber.incident_choices.confirmed().filter(incident__published_at__isnull=False)
    return public.select_related("incident").order_by("-incident__started_at", "incident_id")


def requested_choices(subscriber: Subscriber) -> IncidentChoiceQuerySet:
    """Return the public incidents that are followed or that the subscriber asked to follow."""
    requested = subscriber.incident_choices.filter(told=True, incident__published_at__isnull=False)
    return requested.select_related("incident").order_by("-incident__started_at", "incident_id")


def save_choices(subscriber: Subscriber, wanted: Collection[str]) -> None:
    """Follow those incidents of `public_choices` whose ids are in `wanted`, and unfollow the others."""
    choices = list(public_choices(subscriber))
    # Saving a choice on the manage page also answers an unconfirmed request about the same incident.
    subscriber.incident_choices.filter(confirmed_at=None, incident__in=[one.incident_id for one in choices]).delete()
    for choice in choices:
        choice.told = choice.incident_id in wanted
        choice.save(update_fields=["told"])
    _skip_waiting(subscriber, [choice.incident_id for choice in choices if not choice.told])


@transaction.atomic
def delete_ended(*, now: datetime) -> int:
    """Delete choices about incidents that ended long ago and erase subscribers with none left; return the count."""
    ended = IncidentChoice.objects.ended_before(now - KEPT_AFTER_END)
    subscribers = Subscriber.objects.filter(pk__in=ended.values("subscriber"))
    locked = list(subscribers.order_by("pk").select_for_update().values_list("pk", flat=True))
    count = ended.filter(subscriber__in=locked).delete()[0]
    idle = Subscriber.objects.filter(pk__in=locked, wants_incidents=False, wants_maintenance=False)
    for subscriber in idle.exclude(address="").filter(incident_choices=None):
        erasure.erase_idle(subscriber)
    return count


def delete_unconfirmed(*, before: datetime) -> int:
    return IncidentChoice.objects.filter(confirmed_at=None, requested_at__lt=before).delete()[0]


def _prepare_subscriber(
    subscriber: Subscriber | None, address: str, language: str, *, keeps_requests: bool = True
) -> Subscriber:
    # Return the subscriber to ask: unchanged if active, otherwise with a new opt-in started.
    if subscriber is not None and subscriber.state == State.ACTIVE:
        return subscriber
    # A suspended subscriber has not unsubscribed: this opt-in covers their earlier choices too. What a pending one
    # asked for may be a stranger's wish, which only the link in the confirmation covers.
    kept = {State.PENDING, State.SUSPENDED} if keeps_requests else {State.SUSPENDED}
    keeps_choices = subscriber is not None and subscriber.state in kept
    choices = Choices.of(subscriber) if keeps_choices and subscriber else Choices(language, False, False)
    return lifecycle.start_opt_in(subscriber, address, choices)


def _add_request(subscriber: Subscriber, incident: Incident) -> bool:
    # Store the request to follow; return False if it is confirmed already.
    choice, _is_new = IncidentChoice.objects.get_or_create(subscriber=subscriber, incident=incident, told=True)
    if choice.confirmed_at is None:
        choice.requested_at = timezone.now()
        choice.save(update_fields=["requested_at"])
    return choice.confirmed_at is None


def _skip_waiting(subscriber: Subscriber, incidents: Collection[str]) -> None:
    waiting = Delivery.objects.filter(subscriber=subscriber, announcement__update__incident__in=incidents)
    skip(waiting, SkipReason.UNFOLLOWED)
