"""Hands rows to a worker's connections: one at a time to a destination that has not answered yet.

So a destination that is down is found out by one letter and not by as many as there
are connections, and a relay by one connection; once they answer all go at full speed,
or at the one that the operator allows for a destination. Nobody else waits for that.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Collection
from enum import Enum, auto

from ..ledger.writer import ClaimedDelivery

# A slow destination does not need more rows on the desk than it gets in so many seconds.
_ENOUGH_FOR = 60
# Failures in a row after which a destination that did answer counts as down.
_PATIENCE = 3


class Result(Enum):
    """What a letter showed about its destination."""

    ANSWERS = auto()
    PUTS_OFF = auto()
    NOTHING = auto()


class Dispatcher:
    """A queue shared by tasks. `close` ends it: nobody gets another row.

    `rate` is how many rows a second go to one destination at most; 0 is no limit.
    """

    def __init__(self, rate: float = 0) -> None:
        self._rate = rate
        self._changed = asyncio.Event()
        self._ready: deque[ClaimedDelivery] = deque()
        self._aside: dict[str, deque[ClaimedDelivery]] = defaultdict(deque)
        self._tried: set[str] = set()  # one letter is out to find out
        self._resting: set[str] = set()  # their next turn is still to come
        self._proven: set[str] = set()
        self._failures: dict[str, int] = defaultdict(int)
        self._low_water = 0
        self.left = 0  # rows that are not settled yet, those in hand included
        self.is_closed = False

    def offer(self, rows: Collection[ClaimedDelivery]) -> None:
        self._ready.extend(rows)
        self.left += len(rows)
        self._changed.set()

    def take(self) -> ClaimedDelivery | None:
        """The next row that may go now, if there is one."""
        while self._ready:
            row = self._ready.popleft()
            if row.destination in self._tried or row.destination in self._resting:
                self._aside[row.destination].append(row)
            else:
                self._hand_out(row)
                return row
        return None

    def _hand_out(self, row: ClaimedDelivery) -> None:
        if row.destination not in self._proven:
            self._tried.add(row.destination)
        if self._rate:
            self._resting.add(row.destination)
            asyncio.get_running_loop().call_later(1 / self._rate, self._rested, row.destination)

    async def next(self) -> ClaimedDelivery | None:
        """The next row, when there is one that may go; None once the desk is closed."""
        while not self.is_closed and (row := self.take()) is None:
            await self._change()
        return None if self.is_closed else row

    def settle(self, row: ClaimedDelivery, result: Result) -> bool:
        """Notes what a row that was taken showed. Returns whether its destination is to count as down."""
        self.left -= 1
        down = self._judge(row.destination, result)
        if down:
            self.left -= len(self._aside.pop(row.destination, ()))
            self._changed.set()
        self._bring_back(row.destination)
        if self.left < self._low_water:
            self._changed.set()
        return down

    async def wait_until_below(self, rows: int, seconds: float) -> None:
        """Waits until fewer than `rows` are left, the ones in hand included, but no longer than that."""
        self._low_water = rows
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_closed and self.left >= rows:
                    await self._change()

    def close(self) -> list[ClaimedDelivery]:
        """Ends it, and returns the rows that nobody took."""
        self.is_closed = True
        left = [*self._ready, *(row for rows in self._aside.values() for row in rows)]
        self._ready.clear()
        self._aside.clear()
        self.left -= len(left)
        self._changed.set()
        return left

    @property
    def at_hand(self) -> int:
        """Rows that are left, but for those whose destination has had its share for now."""
        return self.left - sum(len(self._aside.get(name, ())) for name in self._resting)

    def provided(self) -> list[str]:
        """Slow destinations that have rows enough here."""
        return [name for name in self._resting if len(self._aside.get(name, ())) >= self._rate * _ENOUGH_FOR]

    def _rested(self, destination: str) -> None:
        self._resting.discard(destination)
        self._bring_back(destination)

    def _bring_back(self, destination: str) -> None:
        """What was put aside may go now: all of it, or the next one where they go one by one."""
        if destination in self._tried or destination in self._resting or destination not in self._aside:
            return
        aside = self._aside[destination]
        count = 1 if self._rate else len(aside)
        self._ready.extendleft(reversed([aside.popleft() for _ in range(count)]))
        if not aside:
            del self._aside[destination]
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _judge(self, destination: str, result: Result) -> bool:
        if result is Result.ANSWERS:
            self._proven.add(destination)
            self._failures[destination] = 0
        elif result is Result.PUTS_OFF:
            self._failures[destination] += 1
        was_proven = destination in self._proven
        self._tried.discard(destination)
        down = result is Result.PUTS_OFF and (not was_proven or self._failures[destination] >= _PATIENCE)
        if down:
            self._proven.discard(destination)
        return down
