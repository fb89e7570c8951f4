"""Counts the steps of Python code, so that a test can compare work without measuring time."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIZED = (str, bytes, list, tuple, dict, set)


def steps(call: Callable[[], object], package: str = "incidents") -> int:
    """Return the lines of `package` that `call` runs, plus the size of each value that they bind to a name.

    A line such as `prefix = "-".join(parts[:length])` costs what it copies, so that a
    quadratic number of copied characters is seen as well as a quadratic number of lines.
    """
    counted = 0
    # Frames and values are kept, so that no later one gets the same identity.
    bound: dict[FrameType, dict[str, object]] = {}

    def on_line(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += event == "line"
        known = bound.setdefault(frame, {})
        for name, value in frame.f_locals.items():
            if isinstance(value, _SIZED) and known.get(name) is not value:
                known[name] = value
                counted += len(value)
        return on_line

    def on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return on_line if frame.f_globals.get("__name__", "").startswith(package) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted
