"""Waiting for a condition instead of for some time."""

import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds; only a failing test waits for so long


def wait_for(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "The condition was not met in time."
        time.sleep(0.05)
