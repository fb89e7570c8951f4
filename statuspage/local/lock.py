"""The lock on VAR_DIR: one `make run`, or one command that runs its servers, at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from statuspage.local.process import CannotStart

# The environment of the running product; see running_environment.py.
RUNNING = "running.json"


class AlreadyRunning(CannotStart):
    """Another process has the lock; `holder` says which."""

    def __init__(self, var: Path, holder: str) -> None:
        self.holder = holder or "just starting"
        super().__init__(
            f"It is running already from {var}: {self.holder}. "
            "Stop it there with Ctrl-C, or run a second one beside it: make run VAR_DIR=var2 PORT=8001"
        )


@contextlib.contextmanager
def only_one(var: Path, what: str) -> Iterator[bool]:
    """Hold VAR_DIR; the system lets go of it when the process ends, however it ends.

    Gives whether the last one was killed: its processes may be about to end just now.
    """
    with (var / "lock").open("a+", encoding="utf-8") as lock:
        lock.seek(0)
        holder = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(var, holder) from error
        (var / RUNNING).unlink(missing_ok=True)  # of a product that was killed
        lock.truncate(0)
        lock.write(f"{what} (process {os.getpid()})\n")
        lock.flush()
        try:
            yield bool(holder)
        finally:
            lock.truncate(0)
