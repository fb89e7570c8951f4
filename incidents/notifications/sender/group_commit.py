"""The ledger's pen in the hands of a worker's connections: they hand in lines, it writes pages.

While one page is being written the next one fills, so few connections wait for nobody,
and many share the cost of a statement and a commit. A letter goes on the wire only when
the page that says so is committed, and that page, or one before it, has what became of
the last letter on the same connection: more lines on a page leave no more in doubt.

Commits are never asynchronous. A worker killed would lose nothing by it, but PostgreSQL
could forget, in a crash of its own, letters that are on the wire, and send them again
without a word that they are uncertain.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from ..ledger.writer import ClaimedDelivery, Ledger, Outcome

T = TypeVar("T")


@dataclass
class _Page:
    """What is to be written next; `granted` tells which rows may go on the wire."""

    outcomes: list[Outcome] = field(default_factory=list)
    begun: list[ClaimedDelivery] = field(default_factory=list)
    granted: asyncio.Future[set[int]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Made in the event loop. The database is asked in a thread of its own, one thing after the other."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.thread = ThreadPoolExecutor(1, "pen", initializer=ledger.use_connection)
        self._page = _Page()
        self._writing: asyncio.Task[None] | None = None

    async def write(self, outcome: Outcome | None, next_row: ClaimedDelivery | None) -> bool:
        """Records an outcome and that `next_row` goes on the wire now; returns whether it may.

        Raises OperationalError if PostgreSQL stays away.
        """
        page = self._page
        page.outcomes += [outcome] if outcome else []
        page.begun += [next_row] if next_row else []
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_pages())
        granted = await page.granted
        return next_row is not None and next_row.id in granted

    async def run(self, work: Callable[[], T]) -> T:
        """Asks the database something else."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._ledger.run, work)

    def close(self) -> None:
        self.thread.shutdown()

    async def _write_pages(self) -> None:
        loop = asyncio.get_running_loop()
        while self._page.outcomes or self._page.begun:
            await asyncio.sleep(0)  # whoever has an answer now comes onto this page
            page, self._page = self._page, _Page()
            try:
                granted = await loop.run_in_executor(self.thread, self._ledger.write, page.outcomes, page.begun)
            except Exception as error:
                page.granted.set_exception(error)  # it is raised in each connection that waits for this page
            else:
                page.granted.set_result(granted)
        self._writing = None
