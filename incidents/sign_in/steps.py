"""The steps of a log-in in the session: the password was right and the second factor is missing, or both are there.

Between the two nobody is logged in: the session only names the account for ten minutes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from ..models import SecondFactor
from . import totp
from .factors import is_required

PENDING_FOR = timedelta(minutes=10)
_PENDING = "second_factor_pending"
_PASSED = "second_factor"
_SECRET = "second_factor_secret"  # noqa: S105  # the name of a key
_CACHE = "_second_factor_pk"
_ELSEWHERE = "logged_in_elsewhere"


@dataclass(frozen=True)
class Pending:
    """An account whose password was right, and where its owner wanted to go."""

    user: Any
    backend: str
    target: str


def begin(request: HttpRequest, user: Any, target: str) -> None:
    """Remember that the password was right. The session is a new one with a new key."""
    request.session.flush()
    request.session[_PENDING] = {
        "user": user.pk,
        "backend": user.backend,
        "hash": user.get_session_auth_hash(),
        "target": target,
        "at": timezone.now().timestamp(),
    }


def pending(request: HttpRequest) -> Pending | None:
    """The account that waits for its second factor, unless ten minutes are over or its password was changed."""
    kept = request.session.get(_PENDING)
    if kept is None or timezone.now() - datetime.fromtimestamp(kept["at"], UTC) > PENDING_FOR:
        return None
    user = get_user_model().objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), kept["hash"]):
        return None
    return Pending(user, kept["backend"], kept["target"])


def finish(request: HttpRequest, user: Any, backend: str | None = None) -> None:
    """Log in somebody with password and second factor. The key of the session changes again."""
    request.session.pop(_PENDING, None)
    login(request, user, backend=backend)
    confirm(request, user)


def finish_elsewhere(request: HttpRequest, user: Any, issuer: str, subject: str) -> None:
    """Log in somebody whom single sign-on vouches for, who is responsible for second factors too.

    The session is a new one with a new key.
    """
    request.session.flush()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session[_ELSEWHERE] = [issuer, subject]


def elsewhere(request: HttpRequest) -> tuple[str, str] | None:
    """The issuer and the subject by which the session was logged in; None after a log-in with a password."""
    kept = request.session.get(_ELSEWHERE)
    return (kept[0], kept[1]) if kept else None


def confirm(request: HttpRequest, user: Any) -> None:
    """Note in the session that it passed the account's present factor."""
    request.session.pop(_SECRET, None)
    request.session[_PASSED] = SecondFactor.objects.values_list("pk", flat=True).get(user=user)
    request.__dict__.pop(_CACHE, None)


def is_satisfied(request: HttpRequest) -> bool:
    """Whether the session of somebody who is logged in passed the factor, or needs none."""
    if elsewhere(request):
        return True
    if _CACHE not in request.__dict__:
        own = SecondFactor.objects.filter(user=request.user.pk)
        request.__dict__[_CACHE] = own.values_list("pk", flat=True).first()
    factor = request.__dict__[_CACHE]
    if factor is None:
        return not is_required(request.user)
    return bool(request.session.get(_PASSED) == factor)


def new_secret(request: HttpRequest) -> str:
    """The secret of a factor that is being set up in this session; the same until it is confirmed."""
    secret: str = request.session.setdefault(_SECRET, totp.new_secret())
    return secret
