"""What a mail provider reports of letters that it took: one came back, or its reader called it unwanted.

django-anymail knows how each provider writes and signs. Its views send what they read
to a signal; ours get an object in the signal's place that calls the verbs, so nothing
changes behind anybody's back.
"""

from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.module_loading import import_string

from ..models import Bounce, Delivery, Subscriber
from ..notifications import bounces
from ..notifications.bounces import BounceReport
from . import service

# What anymail calls a letter that will not arrive, and one that is late, in the words of RFC 3464.
_ACTIONS = {"bounced": "failed", "rejected": "failed", "failed": "failed", "deferred": "delayed"}
_OPT_OUTS = {"complained", "unsubscribed"}
# RFC 3463, for a provider that names the cause and does not quote the server.
_CAUSES = {"invalid": "5.1.1", "timed_out": "4.4.7", "blocked": "5.7.1", "spam": "5.7.1"}


class Event(Protocol):
    """As much as we want of `anymail.signals.AnymailTrackingEvent`."""

    event_type: str
    recipient: str | None
    message_id: str | None
    reject_reason: str | None
    mta_response: str | None
    description: str | None


class EventReceiver:
    """Stands where anymail's view expects a signal."""

    def send(self, *, event: Event, **_signal: object) -> None:
        receive(event)


def urls() -> list[URLPattern]:
    """The address that a provider calls; none where none is configured."""
    if not settings.MAIL_PROVIDER:
        return []
    view = import_string(f"anymail.webhooks.{settings.MAIL_PROVIDER}.{settings.MAIL_PROVIDER_VIEW}")
    return [path(f"bounces/{settings.MAIL_PROVIDER}/", view.as_view(signal=EventReceiver()))]


@transaction.atomic
def receive(event: Event) -> Bounce | None:
    """Notes what happened to a letter; whoever calls our letters unwanted has left at once. None for other news."""
    delivery = _delivery(event) if event.event_type in {*_ACTIONS, *_OPT_OUTS} else None
    if delivery is None:
        return None
    if event.event_type in _OPT_OUTS:
        return _unsubscribe(delivery)
    return bounces.record(delivery, _report(event), timezone.now())


def _delivery(event: Event) -> Delivery | None:
    """By its Message-ID, which not every provider leaves as it was; else the newest that went to this address."""
    readers = Subscriber.objects.by_mail(event.recipient or "")
    letters = Delivery.objects.filter(subscriber__in=readers, attempts__gt=0).order_by("-id")
    return letters.filter(message_id=event.message_id or "").first() or letters.first()


def _unsubscribe(delivery: Delivery) -> Bounce | None:
    subscriber = delivery.subscriber
    if not service.end_subscription(subscriber):
        return None
    return Bounce.objects.create(
        subscriber=subscriber, announcement_id=delivery.announcement_id, consequence=Bounce.Consequence.COMPLAINED
    )


def _report(event: Event) -> BounceReport:
    said = " ".join((event.mta_response or event.description or "").replace("\x00", "").split())
    cause = _CAUSES.get(event.reject_reason or "", "")
    return BounceReport(_ACTIONS[event.event_type], bounces.enhanced_status(said) or cause, said)
