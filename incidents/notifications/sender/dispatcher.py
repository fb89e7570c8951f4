"""The dispatcher hands claimed deliveries to a worker's connections.

A destination that has not replied yet gets one message at a time, so that a failing
destination costs one message and not one per connection. Once it has accepted a
message, the others follow at full speed, or at the configured rate per destination.
Deliveries to other destinations do not wait for it.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Collection
from enum import Enum, auto

from ..ledger.writer import ClaimedDelivery

# Seconds of work to hold for a rate-limited destination; more would only expire its leases.
_BUFFER_SECONDS = 60
# Deferrals in a row after which a destination that has accepted messages counts as failing.
_MAX_DEFERRALS = 3


class Result(Enum):
    """What an attempt showed about its destination. UNKNOWN: it did not get that far."""

    WORKING = auto()
    DEFERRING = auto()
    UNKNOWN = auto()


class Dispatcher:
    """A queue that tasks share. Once it is closed, none of them gets another row.

    `rate` is the maximum number of rows per second and destination; 0 means no limit.
    """

    def __init__(self, rate: float = 0) -> None:
        self._rate = rate
        self._changed = asyncio.Event()
        self._ready: deque[ClaimedDelivery] = deque()
        self._held_back: dict[str, deque[ClaimedDelivery]] = defaultdict(deque)
        self._unproven: set[str] = set()  # one message is in flight, and its reply decides
        self._rate_limited: set[str] = set()  # until the interval of the rate is over
        self._proven: set[str] = set()  # have accepted or rejected a message
        self._deferrals: dict[str, int] = defaultdict(int)
        self._low_water = 0
        self.pending = 0  # rows without a result, including those that connections have taken
        self.is_closed = False

    def add(self, rows: Collection[ClaimedDelivery]) -> None:
        self._ready.extend(rows)
        self.pending += len(rows)
        self._changed.set()

    def get_nowait(self) -> ClaimedDelivery | None:
        """Return a row that may be sent now, or None."""
        while self._ready:
            row = self._ready.popleft()
            if row.destination in self._unproven or row.destination in self._rate_limited:
                self._held_back[row.destination].append(row)
            else:
                self._mark_taken(row)
                return row
        return None

    def _mark_taken(self, row: ClaimedDelivery) -> None:
        if row.destination not in self._proven:
            self._unproven.add(row.destination)
        if self._rate:
            self._rate_limited.add(row.destination)
            asyncio.get_running_loop().call_later(1 / self._rate, self._end_interval, row.destination)

    async def get(self) -> ClaimedDelivery | None:
        """Wait for a row that may be sent; None once the dispatcher is closed."""
        while not self.is_closed and (row := self.get_nowait()) is None:
            await self._wait_for_change()
        return None if self.is_closed else row

    def finish(self, row: ClaimedDelivery, result: Result) -> bool:
        """Record the result of a row that was taken. Return whether its destination counts as failing now."""
        self.pending -= 1
        is_failing = self._record_result(row.destination, result)
        if is_failing:
            self.pending -= len(self._held_back.pop(row.destination, ()))
            self._changed.set()
        self._requeue(row.destination)
        if self.pending < self._low_water:
            self._changed.set()
        return is_failing

    async def wait_until_below(self, rows: int, seconds: float) -> None:
        """Wait until fewer than `rows` are pending, at most for `seconds`."""
        self._low_water = rows
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_closed and self.pending >= rows:
                    await self._wait_for_change()

    def close(self) -> list[ClaimedDelivery]:
        """Close the dispatcher, and return the rows that were not taken."""
        self.is_closed = True
        unused = [*self._ready, *(row for rows in self._held_back.values() for row in rows)]
        self._ready.clear()
        self._held_back.clear()
        self.pending -= len(unused)
        self._changed.set()
        return unused

    def pending_without_rate_limited(self) -> int:
        """Return the number of pending rows, except those held back by the rate limit."""
        return self.pending - sum(len(self._held_back.get(name, ())) for name in self._rate_limited)

    def saturated(self) -> list[str]:
        """Return rate-limited destinations that need no more rows for now."""
        enough = self._rate * _BUFFER_SECONDS
        return [name for name in self._rate_limited if len(self._held_back.get(name, ())) >= enough]

    def _end_interval(self, destination: str) -> None:
        self._rate_limited.discard(destination)
        self._requeue(destination)

    def _requeue(self, destination: str) -> None:
        # Make rows that were held back ready: all of them, or one at a time under a rate limit.
        if destination in self._unproven or destination in self._rate_limited or destination not in self._held_back:
            return
        held_back = self._held_back[destination]
        count = 1 if self._rate else len(held_back)
        self._ready.extendleft(reversed([held_back.popleft() for _ in range(count)]))
        if not held_back:
            del self._held_back[destination]
        self._changed.set()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _record_result(self, destination: str, result: Result) -> bool:
        if result is Result.WORKING:
            self._proven.add(destination)
            self._deferrals[destination] = 0
        elif result is Result.DEFERRING:
            self._deferrals[destination] += 1
        was_proven = destination in self._proven
        self._unproven.discard(destination)
        is_failing = result is Result.DEFERRING and (not was_proven or self._deferrals[destination] >= _MAX_DEFERRALS)
        if is_failing:
            self._proven.discard(destination)
        return is_failing
