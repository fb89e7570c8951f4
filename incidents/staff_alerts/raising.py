"""Stores an alert and its messages when a cause is new. The scheduler calls it; several schedulers do no harm."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from ..models import AlertMessage, AlertState, StaffAlert
from .causes import causes
from .recipients import recipients

# Far longer than a cause that staff attend to lasts. One that still holds is kept, so that it is not sent again.
_KEPT = timedelta(days=90)


def raise_alerts(now: datetime) -> int:
    """Store alerts whose causes are new, with a message for each recipient; return how many."""
    found = causes(now)
    stored = StaffAlert.objects.filter(since__in={alert.since for alert in found})
    known = {alert.cause for alert in stored}
    return sum(_raise(alert, now) for alert in found if alert.cause not in known)


@transaction.atomic
def _raise(alert: StaffAlert, now: datetime) -> bool:
    names = {"kind": alert.kind, "incident": alert.incident, "detail": alert.detail, "since": alert.since}
    stored, is_new = StaffAlert.objects.get_or_create(**names, defaults={"raised_at": now})
    if not is_new:  # another scheduler was first
        return False
    messages = [AlertMessage(alert=stored, user=user, next_attempt_at=now) for user in recipients(alert)]
    if settings.ALERT_WEBHOOK_URL:
        messages.append(AlertMessage(alert=stored, next_attempt_at=now))
    AlertMessage.objects.bulk_create(messages)
    return True


def delete_old_alerts(now: datetime) -> None:
    """Delete alerts of which nothing more can come."""
    current = {alert.cause for alert in causes(now)}
    old = StaffAlert.objects.filter(raised_at__lt=now - _KEPT).exclude(messages__state=AlertState.WAITING)
    StaffAlert.objects.filter(pk__in=[alert.pk for alert in old if alert.cause not in current]).delete()
