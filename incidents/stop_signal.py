"""The signals that ask a process to stop. Their handler only records it; the process asks when it can stop."""

import signal
from types import FrameType


class StopSignal:
    """Whether the process was asked to stop.

    It has no lock, as threading.Event has: a signal that comes while the handler of another one holds the lock
    would wait for it forever. Supervisors send the same signal twice: to a process, and to its parent, which
    passes it on.
    """

    def __init__(self) -> None:
        self._is_set = False

    def listen(self, *numbers: signal.Signals) -> None:
        """Record these signals from now on. Call it in the main thread."""
        self.clear()
        for number in numbers:
            signal.signal(number, self._record)

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def _record(self, _number: int, _frame: FrameType | None) -> None:
        self.set()
