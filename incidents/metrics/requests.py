"""Counts the requests of the web server's process, in its memory."""

import threading
from bisect import bisect_left

from .definitions import HTTP_DURATION, HTTP_REQUESTS
from .exposition import Distribution, Family, Values

PAGE, FEED, PUBLISHED_API, ASSET = "page", "feed", "published_api", "asset"
API, ADMIN, DYNAMIC, PROBE = "api", "admin", "dynamic", "probe"
_FEEDS = (".atom", ".rss", ".ics")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def class_of_document(path: str) -> str:
    """Return the class of a published document."""
    if path.endswith("/"):
        return PAGE
    if "/api/" in path:
        return PUBLISHED_API
    return FEED if path.endswith(_FEEDS) or path.endswith("/feed.json") else ASSET


def class_of_request(path: str) -> str:
    """Return the class of a request for something that is not published."""
    if path.startswith("/admin/"):
        return ADMIN
    if path in _PROBES:
        return PROBE
    return API if path.startswith("/api/") else DYNAMIC


class RequestCounts:
    """Adding costs about a microsecond; the lock is held for a part of that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._durations: dict[str, Distribution] = {}

    def add(self, kind: str, status: str, seconds: float) -> None:
        """Count a response; `status` is its status line."""
        key = kind, status[0]
        position = bisect_left(HTTP_DURATION.buckets, seconds)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            durations = self._durations.get(kind)
            if durations is None:
                durations = self._durations[kind] = Distribution.empty(HTTP_DURATION)
            durations.counts[position] += 1
            durations.total += seconds

    def families(self) -> list[Family]:
        with self._lock:
            counts: Values = {(kind, f"{digit}xx"): number for (kind, digit), number in self._counts.items()}
            durations: Values = {
                (kind,): Distribution(list(one.counts), one.total) for kind, one in self._durations.items()
            }
        return [(HTTP_REQUESTS, counts), (HTTP_DURATION, durations)]
