"""The values of the metrics that PostgreSQL and Valkey know."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, F, Min, Sum

from incidents import counters
from incidents.backup.record import LAST_BACKUP
from incidents.metrics import definitions as metrics
from incidents.metrics.definitions import Metric
from incidents.metrics.exposition import Family, Values, single
from incidents.models import Bounce, DeliveryState, Heartbeat, StaleSubject, Subscriber
from incidents.notifications.ledger.counted import COUNTED_STATES
from incidents.notifications.monitoring import health, overview, progress
from incidents.notifications.monitoring.destinations import with_few_readers
from incidents.notifications.monitoring.queue_state import queue_states
from incidents.publishing.store import measures
from incidents.sign_in.log_in_counts import LogIn

_FEW_READERS = "mail domains with few readers"
_TARGETS = (measures.STORE, measures.MIRROR)
_SIGN_UPS = ("requested", "confirmed", "refused")


def from_database(now: datetime) -> Iterator[Family]:
    """Yield what PostgreSQL knows. Raises DatabaseError."""
    beats = dict(Heartbeat.objects.values_list("name", "beaten_at"))
    yield from _publishing(now, beats)
    yield from _deliveries(now)
    yield metrics.BOUNCES, _counted(metrics.BOUNCES, *((one.value,) for one in Bounce.Consequence))
    yield metrics.SIGN_UPS, _counted(metrics.SIGN_UPS, *((one,) for one in _SIGN_UPS))
    yield metrics.LOG_INS, _counted(metrics.LOG_INS, *((one.value,) for one in LogIn))
    yield _time(metrics.SCHEDULER_START, beats.get(health.SCHEDULER_START))
    yield _time(metrics.SCHEDULER_BEAT, beats.get(health.SCHEDULER))
    yield metrics.SCHEDULER_RUNS, (runs := _counted(metrics.SCHEDULER_RUNS))
    yield metrics.SCHEDULER_FAILURES, _counted(metrics.SCHEDULER_FAILURES, *runs)
    made_at = beats.get(LAST_BACKUP)
    yield single(metrics.LAST_BACKUP, made_at.timestamp() if made_at else 0)  # so that the alert sees a missing one


def from_queue(now: datetime) -> Iterator[Family]:
    """Yield what Valkey knows. Raises RedisError."""
    states = queue_states(now)
    yield metrics.QUEUE_JOBS, {(one.name,): one.jobs for one in states}
    yield metrics.QUEUE_FAILED, {(one.name,): one.failed for one in states}
    yield metrics.QUEUE_AGE, {(one.name,): one.oldest_age for one in states}
    yield metrics.WORKERS, {(one.name,): one.workers for one in states}
    started: Values = {(one.name,): one.worker_started_at.timestamp() for one in states if one.worker_started_at}
    yield metrics.WORKER_START, started


def _publishing(now: datetime, beats: Mapping[str, datetime]) -> Iterator[Family]:
    found = StaleSubject.objects.waiting().aggregate(rows=Count("pk"), oldest=Min("since"))
    background = StaleSubject.objects.in_background().aggregate(left=Sum(F("total") - F("done"), default=0))
    failed = measures.failed_documents()
    yield single(metrics.PUBLISH_DURATION, counters.distribution(metrics.PUBLISH_DURATION))
    yield metrics.PUBLISH_ERRORS, _counted(metrics.PUBLISH_ERRORS, *((one,) for one in _TARGETS))
    yield _time(metrics.LAST_PUBLISH, beats.get(measures.LAST_PUBLISH))
    yield single(metrics.UNPUBLISHED, found["rows"])
    yield single(metrics.UNPUBLISHED_AGE, _age(now, found["oldest"]))
    yield single(metrics.BACKGROUND_DOCUMENTS, background["left"])
    yield metrics.FAILED_DOCUMENTS, {(one,): failed[one] for one in _TARGETS}
    yield single(metrics.STORE_DIFFERENCES, counters.value(metrics.STORE_DIFFERENCES))
    yield _time(metrics.LAST_CHECK, beats.get(measures.LAST_CHECK))


def _deliveries(now: datetime) -> Iterator[Family]:
    in_progress = progress.progress_of(progress.in_progress()[: overview.MAX_SHOWN], now)
    counts = sum((*overview.count_single(now), *(one.counts for one in in_progress)), Counter[str]())
    channels = [one.value for one in Subscriber.Channel]
    outcomes = ((state.value, channel) for state in DeliveryState if state in COUNTED_STATES for channel in channels)
    yield metrics.DELIVERIES, _counted(metrics.DELIVERIES, *outcomes)
    yield metrics.DELIVERIES_NOW, {(state.value,): counts[state] for state in DeliveryState}
    yield single(metrics.WAITING_AGE, _age(now, progress.oldest_waiting(in_progress)))
    yield metrics.DESTINATION_WAITING, {(name,): number for name, number in _waiting_by_destination().items()}


def _counted(metric: Metric, *expected: tuple[str, ...]) -> Values:
    # Include labels that were never counted: an alert sees no increase if a counter begins with 1.
    found = counters.totals(metric)
    return dict.fromkeys(expected, 0) | found


def _waiting_by_destination() -> Counter[str]:
    # The domain of a few readers may name a person: such domains are counted together.
    failing = overview.failing_destinations()
    few = with_few_readers(row.destination.name for row in failing)
    waiting = Counter[str]()
    for row in failing:
        waiting[_FEW_READERS if row.destination.name in few else row.destination.name] += row.waiting
    return waiting


def _age(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _time(metric: Metric, at: datetime | None) -> Family:
    return metric, {(): at.timestamp()} if at else {}
