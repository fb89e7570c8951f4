"""The lock on VAR_DIR: only one process at a time may run its servers."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from statuspage.local.process import CannotStart

# The environment of the running product, written by running_environment.py.
RUNNING = "running.json"


class AlreadyRunning(CannotStart):
    """Another process has the lock; `holder` describes it."""

    def __init__(self, var: Path, holder: str) -> None:
        self.holder = holder or "just starting"
        super().__init__(
            f"Already running from {var}: {self.holder}. "
            "Stop it with Ctrl-C, or run a second one: make run VAR_DIR=var2 PORT=8001"
        )


@contextlib.contextmanager
def lock_var_dir(var: Path, holder: str) -> Iterator[bool]:
    """Hold the lock during a `with` block; the system releases it however the process ends.

    Yield whether the last holder was killed: its processes may be ending only now.
    """
    with (var / "lock").open("a+", encoding="utf-8") as lock:
        lock.seek(0)
        last_holder = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(var, last_holder) from error
        (var / RUNNING).unlink(missing_ok=True)  # of a product that was killed
        lock.truncate(0)
        lock.write(f"{holder} (process {os.getpid()})\n")
        lock.flush()
        try:
            yield bool(last_holder)
        finally:
            lock.truncate(0)
