"""Counts deliveries that enter a state, for the metrics."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.sql import UpdateQuery

from ... import counters
from ...metrics.definitions import DELIVERIES
from ...models import DeliveryState
from ...models.deliveries import DeliveryQuerySet

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


def update_state(rows: DeliveryQuerySet, target: DeliveryState, **fields: Any) -> int:
    """Update state and fields of these rows, count them by channel, and return their number."""
    moved = _update(rows, state=target, **fields)
    if target in COUNTED_STATES:
        counters.add(DELIVERIES, {(target.value, channel): number for channel, number in moved.items()})
    return sum(moved.values())


def _update(rows: DeliveryQuerySet, **fields: Any) -> dict[str, int]:
    # Update the rows, and return how many of each channel: in the same statement, as there may be a million.
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(fields)
    try:
        update, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    except EmptyResultSet:  # the conditions exclude all rows
        return {}
    by_channel = "SELECT channel, count(*) FROM moved GROUP BY channel"
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(f"WITH moved AS ({update} RETURNING channel) {by_channel}", parameters)
        return dict(cursor.fetchall())
