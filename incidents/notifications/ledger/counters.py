"""Counters for the metrics: they only increase, also when deliveries and bounces are deleted.

A job collects what it counts, and adds it every few seconds and at its end: a killed one loses
the counts of these seconds.
"""

from collections import Counter
from collections.abc import Mapping

from django.db import connection
from django.db.models import Sum

from ...models import DeliveryState, MetricCount

Subject = MetricCount.Subject
# States that a delivery enters as the result of an attempt or a decision; the others are on the way.
COUNTED_STATES = frozenset(
    {
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.SKIPPED,
        DeliveryState.DEFERRED,
        DeliveryState.UNCERTAIN,
    }
)

# One statement, so that the sum is the same at every moment.
_COMBINE = f"""
WITH parts AS (DELETE FROM {MetricCount._meta.db_table} RETURNING subject, outcome, number)
INSERT INTO {MetricCount._meta.db_table} (subject, outcome, number)
SELECT subject, outcome, sum(number)::bigint FROM parts GROUP BY subject, outcome
"""  # noqa: S608 - own names only


def add(subject: MetricCount.Subject, counts: Mapping[str, int]) -> None:
    """Add to the counters of a subject, by outcome."""
    rows = [
        MetricCount(subject=subject, outcome=outcome, number=number) for outcome, number in counts.items() if number
    ]
    if rows:
        MetricCount.objects.bulk_create(rows)


def count_state(state: str, number: int) -> None:
    """Count deliveries that have entered a state."""
    if number and state in COUNTED_STATES:
        add(Subject.DELIVERY, {state: number})


def totals(subject: MetricCount.Subject) -> Counter[str]:
    """Return the counters of a subject, by outcome."""
    rows = MetricCount.objects.filter(subject=subject).values_list("outcome")
    return Counter(dict(rows.annotate(total=Sum("number"))))


def combine() -> None:
    """Replace the rows of each counter with one."""
    with connection.cursor() as cursor:
        cursor.execute(_COMBINE)
