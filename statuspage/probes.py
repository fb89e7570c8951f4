"""The readiness probe; PublicSite answers `/healthz`."""

import threading
from collections.abc import Mapping
from time import monotonic

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django_rq import get_connection
from redis.exceptions import RedisError

from incidents.publishing.store.public_store import PublicStore

CHECK_EVERY = 1.0  # seconds


@csrf_exempt  # so that a POST is refused for its method, with 405
@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Return 200 if database, queue and public store work, else 503; the body lists the reasons."""
    found = readiness.reasons()
    reasons = {name: reason for name, reason in found.items() if reason}
    body = {name: not reason for name, reason in found.items()} | {"reasons": reasons}
    return JsonResponse(body, status=503 if reasons else 200)


class Readiness:
    """The latest result of the checks. Anyone may ask, so they run once a second and in one thread at most."""

    def __init__(self) -> None:
        self._latest: Mapping[str, str] | None = None
        self._checked_at = 0.0
        self._checking = threading.Lock()

    def reasons(self) -> Mapping[str, str]:
        """Return a reason per check, empty if it succeeded."""
        latest = self._latest
        if latest is not None and monotonic() - self._checked_at < CHECK_EVERY:
            return latest
        if not self._checking.acquire(blocking=latest is None):
            return latest or {}
        try:
            self._latest = {"database": _database(), "queue": _queue(), "public_store": _public_store()}
            self._checked_at = monotonic()
            return self._latest
        finally:
            self._checking.release()


readiness = Readiness()


def _database() -> str:
    # Return a reason, like the other checks, or an empty string. The answer is public: no host name, no path.
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return ""


def _queue() -> str:
    try:
        return "" if get_connection("delivery").ping() else "does not answer"
    except RedisError:
        return "does not answer"


def _public_store() -> str:
    try:
        PublicStore().check_writable()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
