"""Hands rows to a worker's connections: one at a time to a destination that has not answered yet.

So a destination that is down is found out by one letter and not by as many as there
are connections, and a relay by one connection; once they answer all go at full speed.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable
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
    """A queue shared by threads. `close` ends it: nobody gets another row."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ready: deque[Held] = deque()
        self._aside: dict[str, list[Held]] = defaultdict(list)
        self._tried: set[str] = set()  # one letter is out to find out
        self._proven: set[str] = set()
        self._failures: dict[str, int] = defaultdict(int)
        self._out = 0
        self._closed = False

    def offer(self, rows: Iterable[Held]) -> None:
        with self._changed:
            self._ready.extend(rows)
            self._changed.notify_all()

    def take(self, *, wait: bool) -> Held | None:
        """The next row that may go now; without `wait`, or once closed, perhaps None."""
        with self._changed:
            while not self._closed:
                if (row := self._next()) is not None:
                    self._out += 1
                    return row
                if not wait:
                    return None
                self._changed.wait()
            return None

    def settle(self, row: Held, result: Result) -> bool:
        """Notes what a row that was taken showed. Returns whether its destination is to count as down."""
        with self._changed:
            self._out -= 1
            down = self._judge(row.destination, result)
            aside = self._aside.pop(row.destination, []) if row.destination not in self._tried else []
            if not down:
                self._ready.extendleft(reversed(aside))
            self._changed.notify_all()
            return down

    def wait_until_below(self, rows: int, seconds: float) -> bool:
        """Waits until fewer than `rows` are left, the ones in hand included; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._left() < rows, seconds)

    def close(self) -> list[Held]:
        """Ends it, and returns the rows that nobody took."""
        with self._changed:
            self._closed = True
            left = [*self._ready, *(row for rows in self._aside.values() for row in rows)]
            self._ready.clear()
            self._aside.clear()
            self._changed.notify_all()
            return left

    @property
    def left(self) -> int:
        """Rows that are not settled yet, those in hand included."""
        with self._changed:
            return self._left()

    @property
    def is_closed(self) -> bool:
        return self._closed

    def _left(self) -> int:
        return len(self._ready) + self._out + sum(map(len, self._aside.values()))

    def _next(self) -> Held | None:
        while self._ready:
            row = self._ready.popleft()
            if row.destination in self._proven:
                return row
            if row.destination not in self._tried:
                self._tried.add(row.destination)
                return row
            self._aside[row.destination].append(row)
        return None

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
