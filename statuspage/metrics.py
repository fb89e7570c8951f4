"""Django's part of `/metrics`; the web server's process answers the request and adds its own.

Requests need METRICS_TOKEN; without that setting the page does not exist.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from incidents.metrics.definitions import APPLICATION_START, DATABASE_UP, QUEUE_UP
from incidents.metrics.exposition import CONTENT_TYPE, Family, may_read, render, single
from statuspage.metric_values import from_database, from_queue
from statuspage.parallel import Parallel

LIMIT = 1.3  # seconds for PostgreSQL and Valkey; the whole response must take less than two

_started_at = time.time()
_lock = threading.Lock()  # for `_parallel`: Prometheus may run twice
_parallel = Parallel[list[Family] | None]()


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        raise Http404
    if not may_read(settings.METRICS_TOKEN, request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(render(_families()), content_type=CONTENT_TYPE)


def _families() -> Iterator[Family]:
    now = timezone.now()
    checks: dict[str, Callable[[], list[Family] | None]] = {
        "database": partial(_unless_down, lambda: list(from_database(now))),
        "queue": partial(_unless_down, lambda: list(from_queue(now))),
    }
    with _lock:
        found = _parallel.results(checks, LIMIT)
    yield single(APPLICATION_START, _started_at)
    yield single(DATABASE_UP, int(found["database"] is not None))
    yield single(QUEUE_UP, int(found["queue"] is not None))
    yield from found["database"] or ()
    yield from found["queue"] or ()


def _unless_down(read: Callable[[], list[Family]]) -> list[Family] | None:
    try:
        return read()
    except (DatabaseError, RedisError):
        return None
