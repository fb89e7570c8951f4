"""The writer of the ledger: the only code that changes the state of deliveries, as ALLOWED_MOVES allows.

`transition` is for sets of rows. `Ledger` is for a worker: it records that a message is
in flight before it is sent, and its outcome right after the reply, so that a worker
killed at any moment leaves at most one message per connection uncertain.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.utils import timezone

from ... import counters, outages
from ...metrics.definitions import DELIVERIES
from ...models import ALLOWED_MOVES, Delivery, DeliveryState, SkipReason, Subscriber
from ...models.deliveries import DeliveryQuerySet
from . import holders
from .counted import COUNTED_STATES, update_state

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Locked rows that `skip` waits for, one after another; the rows of one claim become free together.
_MAX_WAITS = 100
# How long a worker retries to record an outcome while PostgreSQL is not available.
DATABASE_PATIENCE = timedelta(minutes=20)
# Seconds between attempts to reach it. A worker has to renew its claims soon after PostgreSQL has restarted.
_MAX_PAUSE = 2.0


def allowed_sources(target: DeliveryState) -> list[str]:
    """Return the states that may change to `target`."""
    return [state for state, targets in ALLOWED_MOVES.items() if target in targets]


_SENDABLE_STATES = allowed_sources(DeliveryState.SENDING)


@transaction.atomic
def transition(rows: DeliveryQuerySet, target: DeliveryState, **fields: Any) -> int:
    """Change the state of those rows that may change, end the claims on them, and return their number.

    The state is checked on the locked row itself: a worker may have recorded an outcome since the query began.
    Rows that another transaction has locked are left out, so that no two wait for each other.
    """
    sources = allowed_sources(target)
    free = rows.filter(state__in=sources).order_by().select_for_update(skip_locked=True, of=("self",))
    changed = Delivery.objects.filter(pk__in=free.values("pk"), state__in=sources)
    return update_state(changed, target, holder=None, claimed_at=None, **fields)


def skip(rows: DeliveryQuerySet, reason: SkipReason) -> int:
    """Skip those rows that wait; return how many.

    Those that a worker has locked at this moment, to claim or to start them, are skipped once
    this transaction has committed, unless they are in flight by then.
    """
    skipped = transition(rows, DeliveryState.SKIPPED, skip_reason=reason)
    # By their ids: rows that are created later in this transaction are not meant.
    if locked := list(rows.waiting().order_by().values_list("pk", flat=True)):
        transaction.on_commit(partial(_skip_locked, Delivery.objects.filter(pk__in=locked), reason), robust=True)
    return skipped


def _skip_locked(rows: DeliveryQuerySet, reason: SkipReason) -> None:
    # A worker that began to claim before the commit still saw the rows as due.
    for _ in range(_MAX_WAITS):
        transition(rows, DeliveryState.SKIPPED, skip_reason=reason)
        left = list(rows.waiting().order_by().values_list("pk", flat=True)[:1])
        if not left:
            return
        _wait_for_lock(left[0])
    logger.error("Deliveries that should be skipped (%s) stay locked; they may be sent", reason)


@transaction.atomic
def _wait_for_lock(delivery: int) -> None:
    # In a transaction with no other lock, so that nothing can wait for it in turn.
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
    Delivery.objects.select_for_update().filter(pk=delivery).first()


def requeue(rows: DeliveryQuerySet, now: datetime) -> int:
    """Send those rows again that have ended, with all the time and attempts of new ones; return how many."""
    again = {"next_attempt_at": now, "retried_at": now, "attempts": 0, "times_uncertain": 0}
    return transition(rows, DeliveryState.QUEUED, **again)


@dataclass
class ClaimedDelivery:
    """A delivery that this worker has claimed, with what it takes to send it. `claimed_at` proves the claim."""

    id: int
    claimed_at: datetime
    destination: str
    letter: str
    language: str
    announcement_id: int | None
    attempts: int
    times_uncertain: int
    trying_since: datetime
    message_id: str
    dated_at: datetime
    subscriber_id: str
    address: str
    opt_in_round: int
    channel: str = Subscriber.Channel.EMAIL
    owner: str = ""  # of a webhook
    endpoint: str = ""  # the subscription's own address, which `address` is not for a webhook's owner
    time_zone: str = ""  # empty: that of the page
    component_update_id: str | None = None
    # Failing destinations that this delivery probes.
    probes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The outcome of one delivery that was in flight. `code` 0 is stored as null."""

    row: ClaimedDelivery
    state: DeliveryState
    code: int
    text: str
    next_attempt_at: datetime
    sent_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.state not in ALLOWED_MOVES[DeliveryState.SENDING]:
            raise ValueError(f"A delivery in flight cannot change to {self.state}.")


# Rows are found by their ids alone. The list of ids keeps PostgreSQL from scanning the whole
# table, because it overestimates how many rows the records match; “coalesce” keeps it from
# using the indexes of states and holders, which are full of dead entries while thousands of
# rows pass through them. An erased subscriber's deliveries have no language, and get no
# reply: PostgreSQL reads `d` again after waiting for an erasure, but not a joined subscriber.
_WRITE = f"""
WITH ended AS (
    UPDATE {Delivery._meta.db_table} AS d
    SET state = v.state, reply_code = v.code, next_attempt_at = v.next, sent_at = v.sent,
        reply = CASE d.language WHEN '' THEN '' ELSE v.reply END, holder = NULL, claimed_at = NULL,
        times_uncertain = d.times_uncertain + (v.state = '{DeliveryState.UNCERTAIN}')::int
    FROM json_to_recordset(%s::json)
        AS v (id bigint, claimed timestamptz, state text, code int, reply text, next timestamptz, sent timestamptz)
    WHERE d.id = ANY(%s::bigint[]) AND d.id = v.id
        AND coalesce(d.state, '') = '{DeliveryState.SENDING}' AND d.claimed_at = v.claimed
        AND coalesce(d.holder, 0) = %s
)
UPDATE {Delivery._meta.db_table} AS d
SET state = '{DeliveryState.SENDING}', attempts = d.attempts + 1, claimed_at = %s
FROM json_to_recordset(%s::json) AS v (id bigint, claimed timestamptz), {Subscriber._meta.db_table} AS s
WHERE d.id = ANY(%s::bigint[]) AND d.id = v.id AND s.id = d.subscriber_id
    AND (d.letter NOT IN ('{Delivery.Letter.UPDATE}', '{Delivery.Letter.COMPONENT}') OR s.state = 'active')
    AND coalesce(d.holder, 0) = %s
    AND (d.claimed_at = v.claimed AND d.state = ANY(%s)
         OR coalesce(d.state, '') = '{DeliveryState.SENDING}' AND d.claimed_at = %s)
RETURNING d.id
"""  # noqa: S608 - own names only; the last alternative is our own write, retried after a lost connection


class Ledger:
    """Writes for a worker, on the database connection of the thread that created it. One thread at a time may use it.

    Raises OperationalError if PostgreSQL is unavailable for longer than DATABASE_PATIENCE.
    """

    def __init__(self) -> None:
        self._connection = connections[DEFAULT_DB_ALIAS]
        self.holder = 0
        self._counts = Counter[tuple[str, ...]]()  # outcomes by state and channel, not yet added to the metrics
        self._session_locked_on: object = None  # the connection that has the session lock
        self._generic_plans_on: object = None  # the connection that has the setting

    def write(self, outcomes: Sequence[Outcome], starting: Sequence[ClaimedDelivery]) -> set[int]:
        """Record outcomes and, in the same statement, that the rows `starting` are in flight now.

        Return the ids of those that may be sent: not rows whose claim has ended, or whose
        subscriber has unsubscribed since. Each of `starting` gets its new proof.
        """
        now = timezone.now()
        parameters = _parameters(self.holder, outcomes, starting, now)
        allowed = self.run(lambda: self._execute(parameters))
        counted = (outcome for outcome in outcomes if outcome.state in COUNTED_STATES)
        self._counts.update((outcome.state.value, outcome.row.channel) for outcome in counted)
        for row in starting:
            row.claimed_at = now
        return allowed

    def begin(self) -> None:
        """Register this job as a holder of deliveries."""
        self.holder = self.run(lambda: holders.register(timezone.now()))
        self.renew()

    def renew(self) -> None:
        """Show that this job is running. Raises HolderLost if it counted as dead."""
        self.run(self._renew)
        self._add_counts()

    def end(self) -> None:
        """Give back all that the job has claimed."""
        self.run(lambda: holders.end(self.holder))
        self._add_counts()
        if self._session_locked_on is self._connection.connection:
            self.run(lambda: holders.unlock_session(self.holder))

    def run(self, work: Callable[[], T]) -> T:
        """Run a database operation, and retry it while PostgreSQL is unavailable: outcomes must not be lost."""
        deadline, pause, has_failed = time.monotonic() + DATABASE_PATIENCE.total_seconds(), 0.1, False
        while True:
            try:
                result = work()
            except OperationalError:
                if self._connection.in_atomic_block or time.monotonic() > deadline:
                    raise
                message = "PostgreSQL is not responding; retrying until the outcomes are recorded"
                logger.warning(message, extra=outages.ABOUT_DATABASE)
                has_failed = True
                self._connection.close()
                time.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)
            else:
                if has_failed:
                    outages.is_over(outages.DATABASE)
                return result

    def use_connection(self) -> None:
        """Make the calling thread use the ledger's connection as its own."""
        connections[DEFAULT_DB_ALIAS] = self._connection

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Allow other threads to use the connection inside this context."""
        self._connection.inc_thread_sharing()
        try:
            yield
        finally:
            self._connection.dec_thread_sharing()

    def _renew(self) -> None:
        holders.renew(self.holder, timezone.now())
        if self._session_locked_on is not self._connection.connection:
            holders.lock_session(self.holder)
            self._session_locked_on = self._connection.connection

    def _add_counts(self) -> None:
        counts, self._counts = self._counts, Counter()
        self.run(lambda: counters.add(DELIVERIES, counts))

    def _execute(self, parameters: list[Any]) -> set[int]:
        # Execute it as a prepared statement, because planning takes longer; Django's own cursors do not prepare.
        self._connection.ensure_connection()
        with self._connection.wrap_database_errors, psycopg.Cursor(self._connection.connection) as cursor:
            if self._generic_plans_on is not self._connection.connection:
                cursor.execute("SET plan_cache_mode = force_generic_plan")
                self._generic_plans_on = self._connection.connection
            return {pk for (pk,) in cursor.execute(_WRITE, parameters, prepare=True)}


def _parameters(
    holder: int, outcomes: Sequence[Outcome], starting: Sequence[ClaimedDelivery], now: datetime
) -> list[Any]:
    return [
        json.dumps([_as_record(outcome) for outcome in outcomes]),
        [outcome.row.id for outcome in outcomes],
        holder,
        now,
        json.dumps([{"id": row.id, "claimed": row.claimed_at.isoformat()} for row in starting]),
        [row.id for row in starting],
        holder,
        _SENDABLE_STATES,
        now,
    ]


def _as_record(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.row.id,
        "claimed": outcome.row.claimed_at.isoformat(),
        "state": outcome.state.value,
        "code": outcome.code or None,
        "reply": outcome.text[:500],
        "next": outcome.next_attempt_at.isoformat(),
        "sent": outcome.sent_at.isoformat() if outcome.sent_at else None,
    }
