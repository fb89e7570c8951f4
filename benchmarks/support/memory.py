"""How much memory and processor time a command takes, including all processes that it starts."""

import contextlib
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from statuspage.local.paths import ROOT

_PAUSE = 0.05  # seconds between two samples


@dataclass(frozen=True)
class Watched:
    output: str
    seconds: float
    processor_seconds: float
    megabytes: float


def watched(command: Sequence[str], environment: dict[str, str]) -> Watched:
    """Run the command. The memory is the sum of the proportional set sizes: shared pages count once (proc(5), Pss)."""
    begun, used, peak = time.monotonic(), _processor_seconds(), 0
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        peak = max(peak, sum(_pss(number) for number in _family(process.pid)))
        time.sleep(_PAUSE)
    seconds = time.monotonic() - begun
    output = process.communicate()[0]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Watched(output, seconds, _processor_seconds() - used, peak / 1000)


def _processor_seconds() -> float:
    # Of all child processes that have ended, and theirs.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _family(parent: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += [int(number) for number in task.read_text().split()]
    return [parent, *(one for child in children for one in _family(child))]


def _pss(number: int) -> int:
    """Kilobytes; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
