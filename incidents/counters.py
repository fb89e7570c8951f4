"""Counters in PostgreSQL for the metrics: they only increase, also when what they count is deleted.

They count what happens in any process, on any machine, in the transaction in which it happens. A job
of a worker, and the scheduler, collect what they count and add it every few seconds: a killed one
loses the counts of these seconds.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Sum

from .metrics.definitions import Metric
from .metrics.exposition import INFINITY, Distribution, bucket
from .models import MetricCount

_SUM = "sum"  # of a histogram, in microseconds
_SEPARATOR = ","
_MAX_ROWS = 2000

# One statement, so that the sum is the same at every moment.
_COMBINE = f"""
WITH parts AS (DELETE FROM {MetricCount._meta.db_table} RETURNING subject, outcome, number)
INSERT INTO {MetricCount._meta.db_table} (subject, outcome, number)
SELECT subject, outcome, sum(number)::bigint FROM parts GROUP BY subject, outcome
"""  # noqa: S608 - own names only


def add(metric: Metric, counts: Mapping[tuple[str, ...], int]) -> None:
    """Add to a counter, by the values of its labels."""
    _insert(metric, {_SEPARATOR.join(labels): number for labels, number in counts.items()})


def count(metric: Metric, *labels: str) -> None:
    """Add 1 to a counter."""
    add(metric, {labels: 1})


def observe(metric: Metric, duration: timedelta) -> None:
    """Add a value to a histogram without labels."""
    position = bisect_left(metric.buckets, duration.total_seconds())
    bound = _bounds(metric)[position]
    _insert(metric, {bound: 1, _SUM: duration // timedelta(microseconds=1)})


@transaction.atomic
def replace(metric: Metric, number: int) -> None:
    """Store the value of a gauge without labels."""
    MetricCount.objects.filter(subject=metric.name).delete()
    _insert(metric, {"": number})


def value(metric: Metric) -> int:
    """Return the value that `replace` stored, or 0."""
    return _totals(metric)[""]


def totals(metric: Metric) -> Counter[tuple[str, ...]]:
    """Return a counter, by the values of its labels."""
    found = Counter[tuple[str, ...]]()
    for outcome, number in _totals(metric).items():
        labels = tuple(outcome.split(_SEPARATOR))
        if len(labels) == len(metric.labels):
            found[labels] = number
    return found


def distribution(metric: Metric) -> Distribution:
    """Return a histogram."""
    found = _totals(metric)
    return Distribution([found[bound] for bound in _bounds(metric)], found[_SUM] / 1_000_000)


def combine(*, at_least: int = 0) -> None:
    """Replace the rows of each counter with one, if there are as many rows."""
    if MetricCount.objects.count() >= at_least:
        with connection.cursor() as cursor:
            cursor.execute(_COMBINE)


def combine_many() -> None:
    """Combine once there are so many rows that reading them would take long."""
    combine(at_least=_MAX_ROWS)


def _bounds(metric: Metric) -> list[str]:
    return [*map(bucket, metric.buckets), INFINITY]


def _insert(metric: Metric, numbers: Mapping[str, int]) -> None:
    rows = [
        MetricCount(subject=metric.name, outcome=outcome, number=number)
        for outcome, number in numbers.items()
        if number
    ]
    if rows:
        MetricCount.objects.bulk_create(rows)


def _totals(metric: Metric) -> Counter[str]:
    rows = MetricCount.objects.filter(subject=metric.name).values_list("outcome")
    return Counter(dict(rows.annotate(total=Sum("number"))))
