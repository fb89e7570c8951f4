"""Opens incidents, each in a process that is killed at the publishing step given by a line on standard input.

Run by test_crash.py as `python -m tests.publishing.crash`. Answers each line with the exit
code of the process (`-9` if killed) and its number of steps. Django is loaded once for all processes.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import RawValue
from pathlib import Path
from typing import Any

import django

django.setup()

from incidents.publishing.store import lock, public_store  # noqa: E402 - needs Django set up
from tests.factories import make_incident  # noqa: E402

steps = RawValue("i")  # shared with the process that is killed
kill_at = -1


def step() -> None:
    if steps.value == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    steps.value += 1


def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*args: Any, **kwargs: Any) -> Any:
        step()
        return function(*args, **kwargs)

    return stepped


def open_incident() -> None:
    make_incident()
    step()  # everything is written, the process still runs
    os._exit(0)


lock.acquire = stepping(lock.acquire)  # committed, nothing written yet
os.fsync = stepping(os.fsync)  # files staged, none in place; later: all in place
Path.replace = stepping(Path.replace)  # type: ignore[method-assign]  # some files in place
public_store._stage = stepping(public_store._stage)  # a folder created, some files staged

for line in sys.stdin:
    kill_at, steps.value = int(line), 0
    child = os.fork()
    if child == 0:
        open_incident()
    _child, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), steps.value, flush=True)
