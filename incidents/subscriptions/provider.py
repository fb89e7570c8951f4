"""Reports from a mail provider about emails that it accepted: bounces and spam complaints.

django-anymail knows the format and signature of each provider. Its views send events
to a signal; ours receive an object in place of the signal that calls the verbs directly,
so that no signal receiver changes data.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.module_loading import import_string

from ..models import Bounce, Delivery, Subscriber
from ..notifications.bounces import recording
from ..notifications.bounces.report import BounceReport, enhanced_status
from . import returned_mail

logger = logging.getLogger(__name__)

# Anymail's event types for failed and delayed emails, as actions of RFC 3464.
_ACTIONS = {"bounced": "failed", "rejected": "failed", "failed": "failed", "deferred": "delayed"}
_OPT_OUTS = {"complained", "unsubscribed"}
# Status codes of RFC 3463, for providers that name the cause but do not quote the server.
_CAUSES = {"invalid": "5.1.1", "timed_out": "4.4.7", "blocked": "5.7.1", "spam": "5.7.1"}


class Event(Protocol):
    """The attributes we use of `anymail.signals.AnymailTrackingEvent`."""

    event_type: str
    recipient: str | None
    message_id: str | None
    reject_reason: str | None
    mta_response: str | None
    description: str | None


class OwnError(Exception):
    """An error of ours while an event was recorded. The provider must send the event again."""


class EventReceiver:
    """Passed to anymail's view in place of a signal."""

    def send(self, *, event: Event, **_signal: object) -> None:
        try:
            receive(event)
        except Exception as error:
            raise OwnError from error


def urls() -> list[URLPattern]:
    """Return the URL that the provider calls; none if no provider is configured."""
    if not settings.MAIL_PROVIDER:
        return []
    view = import_string(f"anymail.webhooks.{settings.MAIL_PROVIDER}.{settings.MAIL_PROVIDER_VIEW}")
    return [path(f"bounces/{settings.MAIL_PROVIDER}/", _refusing_malformed(view.as_view(signal=EventReceiver())))]


def _refusing_malformed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    # Anymail's views expect what the documentation of each provider promises. Providers do not repeat a call that got
    # a 400, so only errors of anymail's parsing lead to one: an error of ours becomes a 500, and the provider retries.
    @wraps(view)
    def refusing(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
            logger.warning("A call of the mail provider was not understood", exc_info=True)
            return HttpResponseBadRequest("Not an event of this provider.")

    return refusing


@transaction.atomic
def receive(event: Event) -> Bounce | None:
    """Record a bounce, or unsubscribe after a complaint. Return None for other events."""
    delivery = _find_delivery(event) if event.event_type in {*_ACTIONS, *_OPT_OUTS} else None
    if delivery is None:
        return None
    if event.event_type in _OPT_OUTS:
        return returned_mail.complain(delivery)
    return recording.record(delivery, _report(event), timezone.now())


def _find_delivery(event: Event) -> Delivery | None:
    # Find the delivery by Message-ID, which some providers replace; otherwise the newest one to this address.
    subscribers = Subscriber.objects.by_mail(_text(event.recipient))
    tried = Delivery.objects.filter(subscriber__in=subscribers, attempts__gt=0).order_by("-id")
    return tried.filter(message_id=_text(event.message_id)).first() or tried.first()


def _report(event: Event) -> BounceReport:
    reply = " ".join(_text(event.mta_response or event.description).split())
    cause = _CAUSES.get(_text(event.reject_reason), "")
    return BounceReport(_ACTIONS[event.event_type], enhanced_status(reply) or cause, reply)


def _text(value: object) -> str:
    # Anymail passes on what the JSON has: any type, and characters that PostgreSQL does not store.
    return str(value or "")[:2000].encode(errors="replace").decode().replace("\x00", "")
