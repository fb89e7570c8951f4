"""Sessions of staff: recorded at log-in, ended by hand, after idle time, or when the account changes.

Django's session holds the log-in. The row here decides whether it still counts: it is read with
every page of the admin, and names the session by a hash of its key.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone, translation

from ..models import StaffSession
from ..models.staff_sessions import REMEMBERED_FOR, StaffSessionQuerySet
from ..staff import audit
from ..staff.actors import person
from . import emails, fresh
from .devices import browser_and_system
from .log_in_counts import LogIn, count_log_in

_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Place:
    """Where a request came from: its network, and the device by its User-Agent."""

    network: str
    user_agent: str


def find_or_record(*, user: Any, key: str, place: Place) -> StaffSession:
    """Return the session with this key; record it if it is new."""
    key_hash = _hash(key)
    found = StaffSession.objects.filter(key_hash=key_hash, user=user).first()
    return found or _record(user, key_hash, place)


@transaction.atomic
def _record(user: Any, key_hash: str, place: Place) -> StaffSession:
    browser, system = browser_and_system(place.user_agent)
    values = {"network": place.network, "browser": browser, "system": system, "language": translation.get_language()}
    session, is_new = StaffSession.objects.get_or_create(key_hash=key_hash, user=user, defaults=values)
    if is_new:
        audit.record(person(user, place.network), "log_in", user)
        count_log_in(LogIn.SUCCEEDED)
    if is_new and not _has_used_before(session):
        emails.send_log_in(session)
    return session


def _has_used_before(session: StaffSession) -> bool:
    # Whether the person has logged in with this device from this network before.
    same = StaffSession.objects.of(session.user).filter(
        network=session.network, browser=session.browser, system=session.system
    )
    recent = same.filter(created_at__gt=session.created_at - REMEMBERED_FOR)
    return recent.exclude(pk=session.pk).exists()


def is_over(session: StaffSession, now: datetime) -> bool:
    """Whether the session was ended, or has lasted too long, or was idle for too long."""
    if session.ended_at or session.created_at + timedelta(seconds=settings.SESSION_COOKIE_AGE) <= now:
        return True
    return is_idle(session, now)


def is_idle(session: StaffSession, now: datetime) -> bool:
    limit = timedelta(minutes=settings.SESSION_IDLE_MINUTES)
    return bool(limit) and session.last_seen_at + limit <= now


def record_use(*, session: StaffSession) -> None:
    """Store that the person did something; at most once a minute, so that most pages write nothing."""
    now = timezone.now()
    if session.last_seen_at + _SEEN_EVERY <= now:
        StaffSession.objects.filter(pk=session.pk).update(last_seen_at=now)


def end_session(*, user: Any, number: int) -> bool:
    """End one session of this person; return whether they had it."""
    return bool(_end(StaffSession.objects.of(user).filter(pk=number)))


def end_sessions(*, user: Any, but: StaffSession | None = None) -> int:
    """End the sessions of a person, except one; return how many they had."""
    sessions = StaffSession.objects.of(user)
    return _end(sessions.exclude(pk=but.pk) if but else sessions)


def end_sessions_of_members(*, group: Group, but: StaffSession | None = None) -> int:
    """End the sessions of the members of a group, except one; return how many they had."""
    sessions = StaffSession.objects.filter(user__groups=group)
    return _end(sessions.exclude(pk=but.pk) if but else sessions)


@transaction.atomic
def end_others_after_new_password(*, user: Any, session: StaffSession | None, key: str = "") -> None:
    """End a person's sessions after a change of the password; their own goes on with the new key that Django gives it.

    Django refuses the others anyway. They must not be listed as active.
    """
    end_sessions(user=user, but=session)
    if session:
        record_new_key(session=session, key=key)
        fresh.record_confirmation(session=session)


def record_new_key(*, session: StaffSession, key: str) -> None:
    """Store that Django has given the session another key."""
    StaffSession.objects.filter(pk=session.pk).update(key_hash=_hash(key))


@transaction.atomic
def _end(sessions: StaffSessionQuerySet) -> int:
    # Idle ones too: SESSION_IDLE_MINUTES may be raised later.
    now = timezone.now()
    number = sessions.active(now).count()
    sessions.filter(ended_at=None).update(ended_at=now)
    return number


def forget_old(now: datetime) -> None:
    """Delete expired sessions, and what is remembered of log-ins longer than needed."""
    Session.objects.filter(expire_date__lt=now).delete()
    StaffSession.objects.filter(created_at__lt=now - REMEMBERED_FOR).delete()


def _hash(key: str) -> str:
    # Keys are long and random, so the hash needs neither salt nor key.
    return hashlib.sha256(key.encode()).hexdigest()
