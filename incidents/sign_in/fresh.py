"""Fresh log-ins: what matters most needs a password that was given in the last fifteen minutes."""

from datetime import datetime, timedelta

from django.utils import timezone

from ..models import StaffSession

FRESH_FOR = timedelta(minutes=15)


def is_fresh(session: StaffSession, now: datetime) -> bool:
    return session.confirmed_at + FRESH_FOR > now


def record_confirmation(*, session: StaffSession, at: datetime | None = None) -> None:
    """The person has given their password again, or did so elsewhere at another time."""
    session.confirmed_at = at or timezone.now()
    StaffSession.objects.filter(pk=session.pk).update(confirmed_at=session.confirmed_at)
