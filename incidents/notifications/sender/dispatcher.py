"""The dispatcher hands claimed deliveries to a worker's connections.

A destination that has not replied yet gets one message at a time, so that a failing
destination costs one message and not one per connection. Once it has accepted a
message, the others follow at full speed, or at the configured rate per destination.
Deliveries to other destinations do not wait for it.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection
from enum import Enum, auto

from ..ledger.writer import ClaimedDelivery

# Seconds of work to hold for a rate-limited destination; more would only keep it from other workers.
_BUFFER_SECONDS = 60
# So many different mailboxes in a row, and none accepted in between, mean that the destination is failing: a few if
# the replies speak of the destination, more if they may be about the mailboxes.
_MAX_DEFERRED = 3
_MAX_DOUBTFUL = 5
# Rows to hold for a lane whose connections are all in use.
_LANE_BUFFER = 20


class Result(Enum):
    """What an attempt showed about its destination."""

    WORKING = auto()  # it has accepted or rejected the message
    DEFERRING = auto()  # it defers messages
    DOUBTFUL = auto()  # it has deferred the message, or the mailbox
    NOTHING = auto()


def no_lanes(_row: ClaimedDelivery) -> tuple[str, ...]:
    return ()


def always(_row: ClaimedDelivery) -> bool:
    return True


class Dispatcher:
    """A queue that tasks share. Once it is closed, none of them gets another row.

    `rate` is the maximum number of rows per second and destination; 0 means no limit. At most `lane_width` rows of
    the same lane are taken at the same time; `lanes_of` returns the lanes of a row. `tries_one_first` says whether a
    destination without a reply gets one row at a time.
    """

    def __init__(
        self,
        rate: float = 0,
        *,
        lanes_of: Callable[[ClaimedDelivery], tuple[str, ...]] = no_lanes,
        lane_width: int = 0,
        tries_one_first: Callable[[ClaimedDelivery], bool] = always,
    ) -> None:
        self._rate = rate
        self._tries_one_first = tries_one_first
        self._lanes_of = lanes_of
        self._lane_width = lane_width
        self._changed = asyncio.Event()
        self._ready: deque[ClaimedDelivery] = deque()
        self._held_back: dict[str, deque[ClaimedDelivery]] = defaultdict(deque)  # by destination or lane
        self._unproven: set[str] = set()  # one message is in flight, and its reply decides
        self._rate_limited: set[str] = set()  # until the interval of the rate is over
        self._proven: set[str] = set()  # have accepted or rejected a message
        self._deferred: dict[str, set[str]] = defaultdict(set)  # mailboxes in a row, by destination
        self._in_lane: Counter[str] = Counter()
        self._low_water = 0
        self.pending = 0  # rows without a result, including those that connections have taken
        self.is_closed = False

    def add(self, rows: Collection[ClaimedDelivery]) -> None:
        self._ready.extend(rows)
        self.pending += len(rows)
        self._changed.set()

    def get_nowait(self) -> ClaimedDelivery | None:
        """Return a row that may be sent now; None if there is none or the dispatcher is closed."""
        while self._ready and not self.is_closed:
            row = self._ready.popleft()
            if blocker := self._blocker(row):
                self._held_back[blocker].append(row)
            else:
                self._mark_taken(row)
                return row
        return None

    async def get(self) -> ClaimedDelivery | None:
        """Wait for a row that may be sent; None once the dispatcher is closed."""
        while (row := self.get_nowait()) is None and not self.is_closed:
            await self._wait_for_change()
        return row

    def put_back(self, row: ClaimedDelivery) -> None:
        """Give a row back that was taken and not started: another connection takes it next."""
        self._leave_lanes(row)
        self._unproven.discard(row.destination)
        self._requeue(row.destination)
        self._ready.appendleft(row)
        self._changed.set()

    def finish(self, row: ClaimedDelivery, result: Result) -> bool:
        """Record the result of a row that was taken. Return whether its destination counts as failing now."""
        self.pending -= 1
        self._leave_lanes(row)
        is_failing = self._record_result(row, result)
        if is_failing:
            self._drop(row.destination)
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

    def close(self) -> None:
        self.is_closed = True
        self._changed.set()

    def drain(self) -> list[ClaimedDelivery]:
        """Return the rows that were not taken, and forget them."""
        rows = [*self._ready, *(row for held_back in self._held_back.values() for row in held_back)]
        self._ready.clear()
        self._held_back.clear()
        self.pending -= len(rows)
        self._changed.set()
        return rows

    def pending_without_held_back(self) -> int:
        """Return the number of pending rows, except those held back by the rate limit or by their lanes."""
        limited = self._rate_limited | self._in_lane.keys()
        return self.pending - sum(len(self._held_back.get(name, ())) for name in limited)

    def saturated(self) -> list[str]:
        """Return destinations that need no more rows for now: they are rate-limited, or all their lane is in use."""
        enough = self._rate * _BUFFER_SECONDS
        limited = [name for name in self._rate_limited if len(self._held_back.get(name, ())) >= enough]
        return limited + [name for name in self._in_lane if len(self._held_back.get(name, ())) >= _LANE_BUFFER]

    def _blocker(self, row: ClaimedDelivery) -> str:
        # Return the destination or lane that the row has to wait for; empty if it need not wait.
        if row.destination in self._unproven or row.destination in self._rate_limited:
            return row.destination
        if not self._lane_width:
            return ""
        return next((lane for lane in self._lanes_of(row) if self._in_lane[lane] >= self._lane_width), "")

    def _mark_taken(self, row: ClaimedDelivery) -> None:
        if row.destination not in self._proven and self._tries_one_first(row):
            self._unproven.add(row.destination)
        if self._rate:
            self._rate_limited.add(row.destination)
            asyncio.get_running_loop().call_later(1 / self._rate, self._end_interval, row.destination)
        if self._lane_width:
            self._in_lane.update(self._lanes_of(row))

    def _leave_lanes(self, row: ClaimedDelivery) -> None:
        if not self._lane_width:
            return
        for lane in self._lanes_of(row):
            self._in_lane[lane] -= 1
            if not self._in_lane[lane]:
                del self._in_lane[lane]
            if lane != row.destination:
                self._release(lane, 1)

    def _end_interval(self, destination: str) -> None:
        self._rate_limited.discard(destination)
        self._requeue(destination)

    def _requeue(self, destination: str) -> None:
        # Make rows that were held back ready: all of them, or as many as a rate limit or a lane allows.
        if destination in self._unproven or destination in self._rate_limited:
            return
        count = self._lane_width - self._in_lane[destination] if self._lane_width else None
        self._release(destination, 1 if self._rate else count)

    def _release(self, name: str, count: int | None) -> None:
        # Make so many rows ready that were held back for a destination or lane; None stands for all.
        if name not in self._held_back:
            return
        held_back = self._held_back[name]
        number = len(held_back) if count is None else min(count, len(held_back))
        self._ready.extendleft(reversed([held_back.popleft() for _ in range(number)]))
        if not held_back:
            del self._held_back[name]
        self._changed.set()

    def _drop(self, destination: str) -> None:
        # Forget what waits for a failing destination: the ledger postpones it, and ends the claims on it.
        dropped = len(self._held_back.pop(destination, ()))
        kept = [row for row in self._ready if row.destination != destination]
        self.pending -= dropped + len(self._ready) - len(kept)
        self._ready = deque(kept)
        self._changed.set()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _record_result(self, row: ClaimedDelivery, result: Result) -> bool:
        destination, was_proven = row.destination, row.destination in self._proven
        self._unproven.discard(destination)
        if result is Result.WORKING:
            self._proven.add(destination)
            self._deferred.pop(destination, None)
            return False
        if result is Result.NOTHING:
            return False
        deferred = self._deferred[destination]
        deferred.add(row.address)
        enough = (_MAX_DEFERRED if was_proven else 1) if result is Result.DEFERRING else _MAX_DOUBTFUL
        if len(deferred) < enough:
            return False
        self._proven.discard(destination)
        del self._deferred[destination]
        return True
