"""Ctrl-C, SIGTERM and a closed terminal.

A signal is only noted. `check()` raises Stopped, and is called where every process
that runs is known to somebody who ends it: never between the start of a process
and its registration, and never while things are being stopped.
"""

import signal
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: set[int] = set()


class Stopped(Exception):
    """This process was told to end."""


def listen() -> None:
    """From now on the first signal ends everything in order, and further ones change nothing."""
    for each in ENDINGS:
        signal.signal(each, _note)


def check() -> None:
    if _received:
        raise Stopped


def _note(number: int, _frame: FrameType | None) -> None:
    _received.add(number)
