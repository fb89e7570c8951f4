"""Opens an incident in a process of its own and kills it at the N-th step of publishing.

Run by test_crash.py as `python -m tests.publishing.crash N`; prints how many steps
there were if it lives to the end.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from incidents.publishing import publish, store  # noqa: E402 - needs Django set up
from tests.factories import make_incident  # noqa: E402

steps = 0
last = int(sys.argv[1])


def step() -> None:
    global steps  # noqa: PLW0603 - a counter of this process
    if steps == last:
        os.kill(os.getpid(), signal.SIGKILL)
    steps += 1


def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*args: Any, **kwargs: Any) -> Any:
        step()
        return function(*args, **kwargs)

    return stepped


publish._take_turn = stepping(publish._take_turn)  # committed, nothing written
os.fsync = stepping(os.fsync)  # files staged, none in its place; later: all in their places
Path.replace = stepping(Path.replace)  # type: ignore[method-assign]  # some files in their places
store._stage = stepping(store._stage)  # a folder made, some files staged


make_incident()
step()  # everything written, the process not ended
print(steps)
