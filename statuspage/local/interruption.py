"""Ctrl-C, SIGTERM and a closed terminal.

A signal handler only records the signal. `check()` raises Stopped, and is called
only where every running process is registered with the code that will stop it:
not between the start of a process and its registration, and not during a stop.
"""

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: set[int] = set()


class Stopped(Exception):
    """This process received a signal to stop."""


def listen() -> None:
    """Stop in order on the first signal from now on, and ignore further ones."""
    for each in STOP_SIGNALS:
        signal.signal(each, _record)


def check() -> None:
    if _received:
        raise Stopped


def _record(number: int, _frame: FrameType | None) -> None:
    _received.add(number)
