"""Following one incident, and hearing no more of one.

Following is confirmed by mail like a sign-up and shares its limits. It ends by itself:
two weeks after the last word about an incident that is over, so that the resolution,
a correction and a postmortem still arrive. Who followed nothing else is forgotten then.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from .. import links
from ..links import Purpose
from ..models import Delivery, DeliveryState, Incident, IncidentChoice, SkipReason, Subscriber
from ..models.subscribers import IncidentChoiceQuerySet
from ..notifications.ledger.writer import transition
from ..notifications.outbox import queue_message
from . import lifecycle, limits
from .lifecycle import Choices, State

KEPT_AFTER_END = timedelta(days=14)


@transaction.atomic
def follow(*, address: str, incident: Incident, language: str) -> None:
    """Asks the owner of a (normalised) mail address whether they want to follow an incident; as `service.sign_up`."""
    lifecycle.lock_address(address)
    subscriber = Subscriber.objects.by_mail(address).select_for_update().first()
    may_write = limits.may_sign_up(address=address)
    if may_write:
        subscriber = _prepare_subscriber(subscriber, address, language)
        is_new = _add_request(subscriber, incident)
        queue_message(subscriber, Delivery.Letter.FOLLOW if is_new else Delivery.Letter.ALREADY_SUBSCRIBED)
    elif subscriber is not None and subscriber.state == State.PENDING:
        _add_request(subscriber, incident)  # the letter on its way confirms this too


def has_unconfirmed_choices(subscriber: Subscriber) -> bool:
    """Whether a choice of theirs waits to be confirmed."""
    return subscriber.incident_choices.filter(confirmed_at__isnull=True).exists()


def confirm(subscriber: Subscriber) -> None:
    """The owner of the address wants to follow what they were asked about."""
    asked = subscriber.incident_choices.filter(confirmed_at__isnull=True)
    unwanted = subscriber.incident_choices.filter(told=False, incident__in=asked.values("incident"))
    unwanted.delete()
    asked.update(confirmed_at=timezone.now())


def incident_of_link(token: str) -> Incident | None:
    """The public incident that an unsubscribe link is about; links in our own letters name none."""
    value = links.unsign(Purpose.UNSUBSCRIBE, token) or ""
    return Incident.objects.public().filter(pk=value.partition(":")[2]).first()


def hears_of_more(subscriber: Subscriber, incident: Incident) -> bool:
    """Whether they hear of anything but this incident."""
    others = subscriber.incident_choices.followed().exclude(incident=incident)
    return subscriber.wants_incidents or subscriber.wants_maintenance or others.exists()


@transaction.atomic
def unfollow(*, token: str) -> Incident | None:
    """No more about the incident that an unsubscribe link names, nor what waits; returns it.

    Who hears of nothing else has left. None, and nothing is changed, for a link that names no incident.
    """
    lifecycle.lock_token_subscriber(links.unsign(Purpose.UNSUBSCRIBE, token))
    incident = incident_of_link(token)
    pk = (links.unsign(Purpose.UNSUBSCRIBE, token) or "").partition(":")[0]
    subscriber = Subscriber.objects.exclude(state=State.UNSUBSCRIBED).filter(pk=pk).first()
    if incident is None or subscriber is None:
        return incident
    if not hears_of_more(subscriber, incident):
        lifecycle.end_subscription(subscriber)
        return incident
    subscriber.incident_choices.filter(incident=incident).delete()
    now = timezone.now()
    IncidentChoice.objects.create(
        subscriber=subscriber, incident=incident, told=False, requested_at=now, confirmed_at=now
    )
    _skip_waiting(subscriber, [incident.pk])
    return incident


def public_choices(subscriber: Subscriber) -> IncidentChoiceQuerySet:
    """Their confirmed choices about incidents that readers can see."""
    public = subscriber.incident_choices.confirmed().filter(incident__published_at__isnull=False)
    return public.select_related("incident").order_by("-incident__started_at", "incident_id")


def requested_choices(subscriber: Subscriber) -> IncidentChoiceQuerySet:
    """What they follow or asked to follow, among the incidents that readers can see."""
    wished = subscriber.incident_choices.filter(told=True, incident__published_at__isnull=False)
    return wished.select_related("incident").order_by("-incident__started_at", "incident_id")


def save_choices(subscriber: Subscriber, wanted: Collection[str]) -> None:
    """Of the incidents in `shown`, they hear of those in `wanted` (ids) and of no other."""
    found = list(public_choices(subscriber))
    # Whoever is at their own choices answers by that what they were asked about the same incident.
    subscriber.incident_choices.filter(confirmed_at=None, incident__in=[one.incident_id for one in found]).delete()
    for choice in found:
        choice.told = choice.incident_id in wanted
        choice.save(update_fields=["told"])
    _skip_waiting(subscriber, [choice.incident_id for choice in found if not choice.told])


@transaction.atomic
def delete_ended(*, now: datetime) -> int:
    """Deletes choices about incidents that are long over; returns how many. Who has none left is forgotten."""
    over = IncidentChoice.objects.ended_before(now - KEPT_AFTER_END)
    concerned = Subscriber.objects.filter(pk__in=over.values("subscriber"))
    held = list(concerned.order_by("pk").select_for_update().values_list("pk", flat=True))
    ended = over.filter(subscriber__in=held).delete()[0]
    idle = Subscriber.objects.filter(pk__in=held, wants_incidents=False, wants_maintenance=False)
    for subscriber in idle.exclude(address="").filter(incident_choices=None):
        lifecycle.erase(subscriber)
    return ended


def delete_unconfirmed(*, before: datetime) -> int:
    return IncidentChoice.objects.filter(confirmed_at=None, requested_at__lt=before).delete()[0]


def _prepare_subscriber(subscriber: Subscriber | None, address: str, language: str) -> Subscriber:
    """Somebody who is about to be asked: as they are if they subscribe already, else at the beginning of a round."""
    if subscriber is not None and subscriber.state == State.ACTIVE:
        return subscriber
    # Who was suspended has not left: what they chose before is asked for again with this.
    keeps = subscriber is not None and subscriber.state in {State.PENDING, State.SUSPENDED}
    choices = Choices.of(subscriber) if keeps and subscriber else Choices(language, False, False)
    return lifecycle.start_opt_in(subscriber, address, choices)


def _add_request(subscriber: Subscriber, incident: Incident) -> bool:
    """Writes down what is asked; False where it was confirmed before."""
    choice, _is_new = IncidentChoice.objects.get_or_create(subscriber=subscriber, incident=incident, told=True)
    if choice.confirmed_at is None:
        choice.requested_at = timezone.now()
        choice.save(update_fields=["requested_at"])
    return choice.confirmed_at is None


def _skip_waiting(subscriber: Subscriber, incidents: Collection[str]) -> None:
    waiting = Delivery.objects.filter(subscriber=subscriber, announcement__update__incident__in=incidents)
    transition(waiting, DeliveryState.SKIPPED, skip_reason=SkipReason.UNFOLLOWED)
