"""Runs a call while counting the lines of the product that it executes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from statuspage.local.paths import ROOT

# Far more than any input of MAX_LENGTH needs; work that grows with the square of the length exceeds it.
MAX_LINES = 3_000_000
_OURS = (f"{ROOT}/incidents/", f"{ROOT}/statuspage/")
_Trace = Callable[[FrameType, str, Any], Any]


class TooMuchWork(Exception):
    """More lines were executed than MAX_LINES."""


class Tracer:
    """`reached` has every line of the product that any call executed so far."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()
        self._executed = 0

    def run(self, call: Callable[[], object]) -> bool:
        """Call, and return whether a line was reached for the first time. Raises TooMuchWork."""
        before, self._executed = len(self.reached), 0
        sys.settrace(self._of_frame)
        try:
            call()
        finally:
            sys.settrace(None)
        return len(self.reached) > before

    def _of_frame(self, frame: FrameType, _event: str, _argument: object) -> _Trace | None:
        return self._of_line if frame.f_code.co_filename.startswith(_OURS) else None

    def _of_line(self, frame: FrameType, event: str, _argument: object) -> _Trace:
        if event == "line":
            self.reached.add((frame.f_code.co_filename, frame.f_lineno))
            self._executed += 1
            if self._executed > MAX_LINES:
                raise TooMuchWork
        return self._of_line
