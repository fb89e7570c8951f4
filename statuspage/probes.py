"""The deep readiness probe, `/readyz?deep=1`, which asks every part; PublicSite answers the other probes."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from incidents.notifications import queues
from incidents.notifications.monitoring import health
from incidents.publishing.store.public_store import PublicStore
from statuspage.parallel import Parallel

CHECK_EVERY = 1.0  # seconds
LIMIT = 1.0  # seconds for all checks together

OK, NO_ANSWER, TOO_LATE, UNKNOWN = "ok", "does not answer", "does not answer in time", "unknown"


@csrf_exempt  # so that a POST is refused for its method, with 405
@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Return 200 if all parts work, else 503; the body has a result per part, without names of hosts and folders."""
    checks = readiness.results()
    is_ready = set(checks.values()) == {OK}
    return JsonResponse({"ready": is_ready, "checks": dict(checks)}, status=200 if is_ready else 503)


class Readiness:
    """The latest results. Anyone may ask, so the checks run once a second, each in one thread at most.

    A check that takes longer than LIMIT goes on in its thread; until it ends it is not started again.
    """

    def __init__(self) -> None:
        self._latest: Mapping[str, str] | None = None
        self._checked_at = 0.0
        self._checking = threading.Lock()
        self._parallel = Parallel[str]()

    def results(self) -> Mapping[str, str]:
        """Return OK or a reason for each part."""
        latest = self._latest
        if latest is not None and monotonic() - self._checked_at < CHECK_EVERY:
            return latest
        if not self._checking.acquire(blocking=latest is None):
            return latest or {}
        try:
            self._latest = self._check()
            self._checked_at = monotonic()
            return self._latest
        finally:
            self._checking.release()

    def _check(self) -> Mapping[str, str]:
        results = self._parallel.results(_checks(), LIMIT)
        return {name: result or TOO_LATE for name, result in results.items()}


readiness = Readiness()


def _checks() -> dict[str, Callable[[], str]]:
    # Each returns OK or a reason. The response is public: no host name, no path, no text of an error.
    return {
        "database": _database,
        "queue": _queue,
        "public_store": _public_store,
        "scheduler": _scheduler,
        "workers": _workers,
    }


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return NO_ANSWER
    return OK


def _queue() -> str:
    try:
        return OK if queues.queue(queues.EMAILS).connection.ping() else NO_ANSWER
    except RedisError:
        return NO_ANSWER


def _public_store() -> str:
    try:
        PublicStore().check_writable()
    except OSError as error:
        return error.strerror or type(error).__name__
    return OK


def _scheduler() -> str:
    try:
        return OK if health.is_recent(health.last_heartbeat(), timezone.now()) else "is not running"
    except DatabaseError:
        return UNKNOWN


def _workers() -> str:
    try:
        missing = health.queues_without_worker(timezone.now())
    except RedisError:
        return UNKNOWN
    return f"none for {', '.join(missing)}" if missing else OK
