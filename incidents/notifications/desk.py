"""Hands rows to a worker's connections: one at a time to a destination that has not answered yet.

So a destination that is down is found out by one letter and not by as many as there
are connections, and a relay by one connection; once they answer all go at full speed.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Collection
from enum import Enum, auto

from .ledger import Held

# Failures in a row after which a destination that did answer counts as down.
_PATIENCE = 3


class Result(Enum):
    """What a letter showed about its destination."""

    ANSWERS = auto()
    PUTS_OFF = auto()
    NOTHING = auto()


class Desk:
    """A queue shared by tasks. `close` ends it: nobody gets another row."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._ready: deque[Held] = deque()
        self._aside: dict[str, list[Held]] = defaultdict(list)
        self._tried: set[str] = set()  # one letter is out to find out
        self._proven: set[str] = set()
        self._failures: dict[str, int] = defaultdict(int)
        self._low_water = 0
        self.left = 0  # rows that are not settled yet, those in hand included
        self.is_closed = False

    def offer(self, rows: Collection[Held]) -> None:
        self._ready.extend(rows)
        self.left += len(rows)
        self._changed.set()

    def take(self) -> Held | None:
        """The next row that may go now, if there is one."""
        while self._ready:
            row = self._ready.popleft()
            if row.destination in self._proven:
                return row
            if row.destination not in self._tried:
                self._tried.add(row.destination)
                return row
            self._aside[row.destination].append(row)
        return None

    async def next(self) -> Held | None:
        """The next row, when there is one that may go; None once the desk is closed."""
        while not self.is_closed and (row := self.take()) is None:
            await self._change()
        return None if self.is_closed else row

    def settle(self, row: Held, result: Result) -> bool:
        """Notes what a row that was taken showed. Returns whether its destination is to count as down."""
        self.left -= 1
        down = self._judge(row.destination, result)
        if row.destination not in self._tried and (aside := self._aside.pop(row.destination, [])):
            if down:
                self.left -= len(aside)
            else:
                self._ready.extendleft(reversed(aside))
            self._changed.set()
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

    def close(self) -> list[Held]:
        """Ends it, and returns the rows that nobody took."""
        self.is_closed = True
        left = [*self._ready, *(row for rows in self._aside.values() for row in rows)]
        self._ready.clear()
        self._aside.clear()
        self.left -= len(left)
        self._changed.set()
        return left

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
