"""What the metrics tell of publishing: how long it takes, when it last worked, and what could not be written."""

from collections import Counter
from collections.abc import Iterable

from django.utils import timezone

from ... import counters
from ...metrics.definitions import PUBLISH_DURATION, PUBLISH_ERRORS, STORE_DIFFERENCES
from ...models import Heartbeat, StaleSubject
from .. import failures
from .run import Report

LAST_PUBLISH, LAST_CHECK = "publish", "store check"  # the names of heartbeats
STORE, MIRROR = "store", "mirror"


def record(rows: Iterable[StaleSubject], report: Report) -> None:
    """Record that these changes were published, or that documents failed."""
    now = timezone.now()
    record_errors(report)
    if not report.failed:
        Heartbeat.objects.record(LAST_PUBLISH, now)
        counters.observe(PUBLISH_DURATION, now - min(row.since for row in rows))


def record_errors(report: Report) -> None:
    """Record the documents that failed."""
    counters.add(PUBLISH_ERRORS, {(target,): number for target, number in by_target(report.failed.values()).items()})


def record_check(differences: int) -> None:
    """Record how many differences a comparison of the database with the store has found."""
    counters.replace(STORE_DIFFERENCES, differences)
    Heartbeat.objects.record(LAST_CHECK, timezone.now())


def failed_documents() -> Counter[str]:
    """Return the number of documents whose last attempt failed, by target."""
    texts = StaleSubject.objects.unpublished().failed().values_list("error", flat=True)
    return by_target(failures.parse_reasons(texts).values())


def by_target(reasons: Iterable[str]) -> Counter[str]:
    """Count reasons by what could not be written."""
    return Counter(MIRROR if failures.cause_of(reason) == failures.Cause.MIRROR else STORE for reason in reasons)
