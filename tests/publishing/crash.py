"""Opens incidents in processes of its own, each killed at the step of publishing that a line on standard input names.

Run by test_crash.py as `python -m tests.publishing.crash`. Answers each line with how the
process ended (`-9` is a kill) and how many steps it took. Django is loaded once, for all of them.
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

from incidents.publishing.store import public_store, publisher  # noqa: E402 - needs Django set up
from tests.factories import make_incident  # noqa: E402

steps = RawValue("i")  # shared with the process that is killed
last = -1


def step() -> None:
    if steps.value == last:
        os.kill(os.getpid(), signal.SIGKILL)
    steps.value += 1


def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*args: Any, **kwargs: Any) -> Any:
        step()
        return function(*args, **kwargs)

    return stepped


def open_incident() -> None:
    make_incident()
    step()  # everything written, the process not ended
    os._exit(0)


publisher._take_turn = stepping(publisher._take_turn)  # committed, nothing written
os.fsync = stepping(os.fsync)  # files staged, none in its place; later: all in their places
Path.replace = stepping(Path.replace)  # type: ignore[method-assign]  # some files in their places
public_store._stage = stepping(public_store._stage)  # a folder made, some files staged

for line in sys.stdin:
    last, steps.value = int(line), 0
    child = os.fork()
    if child == 0:
        open_incident()
    _child, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), steps.value, flush=True)
