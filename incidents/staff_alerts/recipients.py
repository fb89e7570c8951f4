"""Who is alerted by email: staff who may publish what the alert is about, and have not chosen otherwise."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from ..models import StaffAlert, StaffPreferences
from ..staff import rights
from ..status import Kind

_MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def recipients(alert: StaffAlert) -> QuerySet[User]:
    """Return the active accounts with an address that get this alert."""
    kinds = [Kind(alert.incident.kind)] if alert.incident else list(Kind)
    found = User.objects.none()
    for kind in kinds:
        found |= User.objects.with_perm(rights.publish(kind), backend=_MODEL_BACKEND)
    return found.filter(is_staff=True).exclude(email="").exclude(preferences__email_alerts=False).distinct()


def wants_email(user: Any) -> bool:
    """Whether a person has left emails of alerts on."""
    return not StaffPreferences.objects.filter(user=user, email_alerts=False).exists()


def set_email_alerts(*, user: Any, on: bool) -> None:
    """Switch the emails of one person on or off. Those that wait are not sent once they are off."""
    StaffPreferences.objects.update_or_create(user=user, defaults={"email_alerts": on})
