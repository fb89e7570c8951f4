"""The ledger's pen: the only code that moves a delivery from state to state, as MOVES allows.

`move` is for sets of rows. `Ledger` is for a worker: it writes that a letter goes on
the wire before it does, and what became of it right after the reply, so that a worker
killed at any moment leaves at most one letter per connection in doubt.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.utils import timezone

from ...models import MOVES, Delivery, DeliveryState, Subscriber
from ...models.deliveries import DeliveryQuerySet

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Longer than all the timeouts of one transaction together (RFC 5321 §4.5.3.2): who has
# not written an outcome by then is dead.
WIRE_LEASE = timedelta(minutes=30)
# How long a worker tries to write an outcome down while PostgreSQL is away.
PATIENCE = timedelta(minutes=20)


def sources(target: DeliveryState) -> list[str]:
    """The states that may move to `target`."""
    return [state for state, targets in MOVES.items() if target in targets]


_BEGINNING = sources(DeliveryState.SENDING)


def transition(rows: DeliveryQuerySet, target: DeliveryState, **fields: Any) -> int:
    """Moves those of the rows that may move, takes them from whoever holds them, and returns how many they were."""
    return rows.filter(state__in=sources(target)).update(state=target, lease_until=None, **fields)


@dataclass
class ClaimedDelivery:
    """A row that this worker holds, with what it needs to send it. `lease` proves the hold and moves with it."""

    id: int
    lease: datetime
    destination: str
    letter: str
    language: str
    announcement_id: int | None
    attempts: int
    times_uncertain: int
    created_at: datetime
    message_id: str
    dated_at: datetime
    subscriber_id: str
    address: str
    opt_in_round: int
    channel: str = Subscriber.Channel.EMAIL
    endpoint: str = ""  # what the subscription is about: for mail the address itself
    time_zone: str = ""  # empty: the page's
    # Destinations in trouble that this letter is to try out.
    probes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one letter on the wire. `code` 0 is stored as none."""

    row: ClaimedDelivery
    state: DeliveryState
    code: int
    text: str
    next_attempt_at: datetime
    sent_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.state not in MOVES[DeliveryState.SENDING]:
            raise ValueError(f"A letter on the wire does not become {self.state}.")


# Rows are found by their ids alone. Listing them keeps PostgreSQL from reading the whole
# table, of which it expects the records to name a good part; “coalesce” keeps PostgreSQL from choosing the small index
# of the letters on the wire, which is full of dead entries while thousands pass through it.
# Of somebody who had everything erased meanwhile no reply is kept.
_WRITE = f"""
WITH ended AS (
    UPDATE {Delivery._meta.db_table} AS d
    SET state = v.state, reply_code = v.code, next_attempt_at = v.next, sent_at = v.sent,
        reply = CASE s.address WHEN '' THEN '' ELSE v.reply END, lease_until = NULL,
        times_uncertain = d.times_uncertain + (v.state = '{DeliveryState.UNCERTAIN}')::int
    FROM json_to_recordset(%s::json)
        AS v (id bigint, lease timestamptz, state text, code int, reply text, next timestamptz, sent timestamptz),
        {Subscriber._meta.db_table} AS s
    WHERE d.id = ANY(%s::bigint[]) AND d.id = v.id AND s.id = d.subscriber_id
        AND coalesce(d.state, '') = '{DeliveryState.SENDING}' AND d.lease_until = v.lease
)
UPDATE {Delivery._meta.db_table} AS d
SET state = '{DeliveryState.SENDING}', attempts = d.attempts + 1, lease_until = %s
FROM json_to_recordset(%s::json) AS v (id bigint, lease timestamptz), {Subscriber._meta.db_table} AS s
WHERE d.id = ANY(%s::bigint[]) AND d.id = v.id AND s.id = d.subscriber_id
    AND (d.letter <> '{Delivery.Letter.UPDATE}' OR s.state = 'active')
    AND (d.lease_until = v.lease AND d.state = ANY(%s)
         OR coalesce(d.state, '') = '{DeliveryState.SENDING}' AND d.lease_until = %s)
RETURNING d.id
"""  # noqa: S608 - own names only; the last alternative is our own write, repeated after a lost connection


class Ledger:
    """Writes for a worker over one connection: that of the thread which made it. Not for two threads at a time.

    Raises OperationalError if PostgreSQL stays away for longer than PATIENCE.
    """

    def __init__(self) -> None:
        self._connection = connections[DEFAULT_DB_ALIAS]
        self._plans_once: object = None  # the connection that has been told so

    def write(self, outcomes: Sequence[Outcome], begun: Sequence[ClaimedDelivery]) -> set[int]:
        """Records outcomes and, in the same statement, that the rows `begun` go on the wire now.

        Returns the ids of those that may: not the rows that were taken from us
        meanwhile, or whose subscriber left. Each of `begun` gets its new lease.
        """
        lease = timezone.now() + WIRE_LEASE
        parameters = _parameters(outcomes, begun, lease)
        granted = self.using(lambda: self._execute(parameters))
        for row in begun:
            row.lease = lease
        return granted

    def using(self, work: Callable[[], T]) -> T:
        """Asks the database something; what it does not take is repeated, because outcomes must not be forgotten."""
        give_up, pause = time.monotonic() + PATIENCE.total_seconds(), 0.1
        while True:
            try:
                return work()
            except OperationalError:
                if self._connection.in_atomic_block or time.monotonic() > give_up:
                    raise
                logger.warning("PostgreSQL does not answer; what became of a letter waits to be written.")
                self._connection.close()
                time.sleep(pause)
                pause = min(pause * 2, 5)

    def join(self) -> None:
        """Lets the calling thread use the ledger's connection as its own."""
        connections[DEFAULT_DB_ALIAS] = self._connection

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While this lasts threads may join."""
        self._connection.inc_thread_sharing()
        try:
            yield
        finally:
            self._connection.dec_thread_sharing()

    def _execute(self, parameters: list[Any]) -> set[int]:
        """Planned once, because planning takes longer than doing; Django's own cursors do not prepare."""
        self._connection.ensure_connection()
        with self._connection.wrap_database_errors, psycopg.Cursor(self._connection.connection) as cursor:
            if self._plans_once is not self._connection.connection:
                cursor.execute("SET plan_cache_mode = force_generic_plan")
                self._plans_once = self._connection.connection
            return {pk for (pk,) in cursor.execute(_WRITE, parameters, prepare=True)}


def _parameters(outcomes: Sequence[Outcome], begun: Sequence[ClaimedDelivery], lease: datetime) -> list[Any]:
    return [
        json.dumps([_as_record(outcome) for outcome in outcomes]),
        [outcome.row.id for outcome in outcomes],
        lease,
        json.dumps([{"id": row.id, "lease": row.lease.isoformat()} for row in begun]),
        [row.id for row in begun],
        _BEGINNING,
        lease,
    ]


def _as_record(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.row.id,
        "lease": outcome.row.lease.isoformat(),
        "state": outcome.state.value,
        "code": outcome.code or None,
        "reply": outcome.text[:500],
        "next": outcome.next_attempt_at.isoformat(),
        "sent": outcome.sent_at.isoformat() if outcome.sent_at else None,
    }
