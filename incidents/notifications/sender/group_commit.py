"""Group commit: a worker's connections hand in ledger entries, which are written together in batches.

While one batch is written, the next one fills: few connections do not wait for each
other, and many share the cost of a statement and a commit. A message is sent only once
the batch that records it as in flight is committed, and that batch, or an earlier one,
contains the outcome of the previous message on the same connection. Larger batches
therefore do not leave more deliveries uncertain.

Commits are never asynchronous. A killed worker would lose nothing by it, but PostgreSQL
could lose, in a crash of its own, the record of messages in flight; they would be sent
again without being marked as uncertain.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from ..ledger.writer import ClaimedDelivery, Ledger, Outcome

T = TypeVar("T")


@dataclass
class _Batch:
    # What is written next; `allowed` resolves to the ids of the rows that may be sent.
    outcomes: list[Outcome] = field(default_factory=list)
    starting: list[ClaimedDelivery] = field(default_factory=list)
    allowed: asyncio.Future[set[int]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Created in the event loop. All database access happens in one thread, one operation at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
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
            await asyncio.sleep(0)  # connections that have a reply now join this batch
            batch, self._batch = self._batch, _Batch()
            try:
                allowed = await loop.run_in_executor(self.thread, self._ledger.write, batch.outcomes, batch.starting)
            except Exception as error:
                batch.allowed.set_exception(error)  # raised in each connection that waits for this batch
            else:
                batch.allowed.set_result(allowed)
        self._writing = None
