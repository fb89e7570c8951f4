"""Which destinations an announcement's deliveries wait for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ...models import Delivery, DeliveryState

# What waits for another attempt is counted with the index `delivery_deferred` alone: among a million deliveries, its
# rows are in as many places. The newest reply of a destination is looked up only for the rows that are returned.
_GROUPS = f"""
SELECT found.*, greatest(queued_sample, (
           SELECT id FROM {Delivery._meta.db_table} AS d
            WHERE d.announcement_id = found.announcement_id AND d.destination = found.destination
              AND d.state IN ('{DeliveryState.DEFERRED}', '{DeliveryState.UNCERTAIN}') AND d.reply <> ''
            ORDER BY id DESC LIMIT 1
       ))
  FROM (
       SELECT announcement_id, destination, sum(number)::bigint AS number, min(since), min(next_try),
              max(sample) AS queued_sample
         FROM (
              SELECT announcement_id, destination, count(*) AS number, min(created_at) AS since,
                     min(next_attempt_at) AS next_try, NULL::bigint AS sample
                FROM {Delivery._meta.db_table}
               WHERE announcement_id = ANY(%(ids)s)
                 AND state IN ('{DeliveryState.DEFERRED}', '{DeliveryState.UNCERTAIN}')
               GROUP BY 1, 2
              UNION ALL
              SELECT announcement_id, destination, count(*), min(created_at), min(next_attempt_at),
                     max(id) FILTER (WHERE reply <> '')
                FROM {Delivery._meta.db_table}
               WHERE announcement_id = ANY(%(ids)s) AND state = '{DeliveryState.QUEUED}' AND next_attempt_at > %(now)s
               GROUP BY 1, 2
         ) AS waiting
        GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT %(limit)s
  ) AS found
 ORDER BY number DESC, destination
"""  # noqa: S608 - own names only


@dataclass(frozen=True)
class WaitingGroup:
    """Deliveries of one announcement that wait for one destination. `sample` is the newest of them with a reply."""

    announcement: int
    destination: str
    number: int
    since: datetime
    next_try: datetime
    sample: int | None


def largest_groups(announcements: Collection[int], now: datetime, limit: int) -> list[WaitingGroup]:
    """Return the largest groups of deliveries that wait for another attempt or for a failing destination."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, {"ids": list(announcements), "now": now, "limit": limit})
        return [
            WaitingGroup(pk, destination, number, since, next_try, sample)
            for pk, destination, number, since, next_try, _queued, sample in cursor.fetchall()
        ]
