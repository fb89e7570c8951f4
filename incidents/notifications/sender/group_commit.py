"""Group commit: a worker's connections hand in ledger entries, which are written together in batches.

While one batch is written, the next one fills. If the ledger is what the connections
wait for, a batch also waits for the others, as long as the last one took to be written:
many entries in a statement cost little more than one. A message is sent only once the
batch that records it as in flight is committed, and that batch, or an earlier one,
contains the outcome of the previous message on the same connection. Larger batches
therefore do not leave more deliveries uncertain.

Commits are never asynchronous. A killed worker would lose nothing by it, but PostgreSQL
could lose, in a crash of its own, the record of messages in flight; they would be sent
again without being marked as uncertain.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from ..ledger.writer import ClaimedDelivery, Ledger, Outcome

T = TypeVar("T")

_MAX_WAIT = 0.02  # seconds; a write takes longer if PostgreSQL restarts


@dataclass
class _Batch:
    # What is written next; `allowed` resolves to the ids of the rows that may be sent.
    outcomes: list[Outcome] = field(default_factory=list)
    starting: list[ClaimedDelivery] = field(default_factory=list)
    allowed: asyncio.Future[set[int]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    connections: int = 0  # that have handed in an entry
    is_full: asyncio.Event = field(default_factory=asyncio.Event)


class GroupCommit:
    """Created in the event loop. All database access happens in one thread, one operation at a time.

    `open_connections` returns how many connections may hand in entries.
    """

    def __init__(self, ledger: Ledger, open_connections: Callable[[], int]) -> None:
        self._ledger = ledger
        self._open_connections = open_connections
        self._last_write = 0.0  # seconds that it took
        self._last_end = 0.0  # of the clock of the event loop
        self.thread = ThreadPoolExecutor(1, "ledger", initializer=ledger.use_connection)
        self._batch = _Batch()
        self._writing: asyncio.Task[None] | None = None

    async def write(self, outcome: Outcome | None, next_row: ClaimedDelivery | None) -> bool:
        """Record an outcome and that `next_row` is in flight now; return whether it may be sent.

        Raises OperationalError if PostgreSQL stays unavailable.
        """
        batch = self._batch
        batch.outcomes += [outcome] if outcome else []
        batch.starting += [next_row] if next_row else []
        batch.connections += 1
        if batch.connections >= self._open_connections():
            batch.is_full.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_batches())
        allowed = await batch.allowed
        return next_row is not None and next_row.id in allowed

    async def run(self, work: Callable[[], T]) -> T:
        """Run another database operation in the thread of the ledger."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._ledger.run, work)

    def close(self) -> None:
        self.thread.shutdown()

    async def _write_batches(self) -> None:
        loop = asyncio.get_running_loop()
        while self._batch.outcomes or self._batch.starting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience(loop.time())):
                    await self._batch.is_full.wait()
            batch, self._batch = self._batch, _Batch()
            begun = loop.time()
            try:
                allowed = await loop.run_in_executor(self.thread, self._ledger.write, batch.outcomes, batch.starting)
            except Exception as error:
                batch.allowed.set_exception(error)  # raised in each connection that waits for this batch
            else:
                batch.allowed.set_result(allowed)
            self._last_end = loop.time()
            self._last_write = self._last_end - begun
        self._writing = None

    def _patience(self, now: float) -> float:
        # Seconds to wait for further connections; none if the ledger had nothing to do for longer than it would take.
        is_busy = now - self._last_end < self._last_write
        return min(self._last_write, _MAX_WAIT) if is_busy else 0
