"""Sends alerts by email and to the chat of the team, and tries again for a day.

The scheduler sends them itself, without the queue: one of the causes is that no worker sends.
An attempt is recorded before it is made, so that two schedulers never make the same one. If the scheduler is killed
while it sends, the message is sent again with the same Message-ID: one too many is better than none.
"""

import logging
from datetime import datetime, timedelta
from email.utils import formatdate

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from ..masks import without_addresses
from ..models import AlertMessage, AlertState, Page, StaffAlert
from ..sign_in.emails import language_of
from ..wording import page_name
from . import chat, texts
from .causes import causes
from .recipients import recipients

logger = logging.getLogger(__name__)

_TIMEOUT = 10  # seconds
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30))  # then hourly
_TRIED_FOR = timedelta(days=1)
_AT_ONCE = 20  # then the scheduler looks for new causes


def send_due_alerts(now: datetime) -> int:
    """Send the messages that are due; return how many were sent. One whose cause is settled by now is cancelled."""
    due = AlertMessage.objects.due(now).select_related("alert__incident", "user")[:_AT_ONCE]
    if not (messages := list(due)):
        return 0
    current = {alert.cause for alert in causes(now)}
    return sum(_send(message, now, is_needed=message.alert.cause in current) for message in messages)


def _send(message: AlertMessage, now: datetime, *, is_needed: bool) -> int:
    if not is_needed or not _is_wanted(message):
        AlertMessage.objects.due(now).filter(pk=message.pk).update(state=AlertState.CANCELLED)
        return 0
    delay = _DELAYS[message.attempts] if message.attempts < len(_DELAYS) else timedelta(hours=1)
    claimed = AlertMessage.objects.due(now).filter(pk=message.pk, attempts=message.attempts)
    if not claimed.update(attempts=message.attempts + 1, next_attempt_at=now + delay):
        return 0  # another scheduler was first
    error = _attempt(message)
    if not error:
        AlertMessage.objects.filter(pk=message.pk).update(state=AlertState.SENT, sent_at=now, error="")
        return 1
    logger.warning("Alert %s could not be sent: %s", message, error)
    is_over = now + delay - message.alert.raised_at > _TRIED_FOR
    state = AlertState.FAILED if is_over else AlertState.WAITING
    AlertMessage.objects.filter(pk=message.pk).update(state=state, error=error[:300])
    return 0


def _is_wanted(message: AlertMessage) -> bool:
    # Whether the person still may publish and wants emails; or whether there still is a chat.
    if message.user is None:
        return bool(settings.ALERT_WEBHOOK_URL)
    return recipients(message.alert).filter(pk=message.user.pk).exists()


def _attempt(message: AlertMessage) -> str:
    # Return why it failed; empty if it was accepted.
    page = Page.objects.current()
    language = language_of(message.user) if message.user else settings.LANGUAGE_CODE
    with override(language), timezone.override(page.time_zone):
        name = page_name(page.name)
        if message.user is None:
            return chat.post(message.alert, name)
        return _email(message, message.user, name)


def _email(message: AlertMessage, user: User, page_name: str) -> str:
    alert = message.alert
    subject = f"{texts.title(alert) or page_name}: {texts.reason(alert).rstrip('.')}"
    context = {
        "page": page_name,
        "title": texts.title(alert),
        "reason": texts.reason(alert),
        "address": f"{settings.SITE_URL}{texts.address(alert)}",
        "preferences": f"{settings.SITE_URL}{reverse('admin:alerts')}",
    }
    headers = {
        "Auto-Submitted": "auto-generated",
        "Date": formatdate(alert.raised_at.timestamp()),
        "Message-ID": _message_id(message, alert),
    }
    body = render_to_string("staff_alerts/email.txt", context)
    try:
        with get_connection(timeout=_TIMEOUT) as connection:
            EmailMessage(subject, body, to=[user.email], connection=connection, headers=headers).send()
    except (OSError, ValueError) as error:  # smtplib's errors are OSErrors; an address can be invalid
        return without_addresses(" ".join(str(error).split()) or type(error).__name__, user.email)
    return ""


def _message_id(message: AlertMessage, alert: StaffAlert) -> str:
    return f"<alert-{message.pk}-{int(alert.raised_at.timestamp())}@{settings.SITE_HOST}>"
