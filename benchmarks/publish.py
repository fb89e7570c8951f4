"""How long after a commit the new bytes are served, with a short and a long history; and how fast all is published.

An update is posted in one process; another asks a PublicSite under granian for the home
page until the update stands on it. The newest ninety days are the same in every size.
"""

import argparse
import http.client
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from statuspage.local.plan import ROOT

from .results import Figure
from .support.memory import watched
from .support.product import Environment, granian, house, server

SIZES = (10, 1_000, 10_000)
PATH = "/da/"
PAUSE = 0.004  # seconds between two questions
PATIENCE = 30.0
PYTHON = sys.executable


@dataclass(frozen=True)
class Staff:
    """A process that posts an update per line; see support/writer.py."""

    tell: IO[str]
    answers: IO[str]


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks publish")
    parser.add_argument("--rounds", type=int, default=60, help="updates posted per size")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="incidents in the history")
    wanted = parser.parse_args(options)
    figures, medians = [], {}
    with house(SAMPLE_DATA="0", WEB_THREADS="5") as environment:
        for size in wanted.sizes:
            figures += filled(environment, size, is_last=size == max(wanted.sizes))
            served, whole = posted(environment, wanted.rounds)
            medians[size] = statistics.median(served)
            figures += timed(size, served, whole)
    flat = medians[max(medians)] / medians[min(medians)]
    return [*figures, Figure(f"served_{max(medians)}_over_{min(medians)}", flat, "x", "<=1.5")]


def filled(environment: Environment, size: int, *, is_last: bool) -> list[Figure]:
    """A history of that size, published; of the longest, how fast and with how much memory."""
    subprocess.run([PYTHON, "-m", "benchmarks.support.history", str(size)], cwd=ROOT, env=environment, check=True)
    seen = watched([PYTHON, "manage.py", "publish", "--all"], environment)
    written = int(re.findall(r"(\d+) written", seen.output)[0])
    if not is_last:
        return []
    return [
        Figure("all_documents", written),
        Figure("all_rate", written / seen.seconds, "/s"),
        Figure("all_memory", seen.megabytes, "MB", "<=300"),
    ]


def posted(environment: Environment, rounds: int) -> tuple[list[float], list[float]]:
    """Of each update, how many ms after its commit it was served, and all its documents were written."""
    served, whole = [], []
    with server(granian("statuspage.wsgi:application", 5), environment) as site, staff(environment) as people:
        reader = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=PATIENCE)
        for number in range(rounds):
            word = f"word-{number:05}-"
            print(word, file=people.tell, flush=True)
            seen = wait_for(reader, word.encode())
            committed, written = (int(moment) for moment in people.answers.readline().split())
            served.append((seen - committed) / 1e6)
            whole.append((written - committed) / 1e6)
        reader.close()
    return served[3:], whole[3:]  # the first fill caches of templates and connections


@contextmanager
def staff(environment: Environment) -> Iterator[Staff]:
    command = [PYTHON, "-m", "benchmarks.support.writer"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert process.stdout.readline().startswith("ready")
        yield Staff(process.stdin, process.stdout)
        process.stdin.close()


def wait_for(reader: http.client.HTTPConnection, word: bytes) -> int:
    """The moment, in ns, at which an answer held the word."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        reader.request("GET", PATH)
        if word in reader.getresponse().read():
            return time.monotonic_ns()
        time.sleep(PAUSE)
    raise AssertionError(f"{word.decode()} was not served in {PATIENCE} s")


def timed(size: int, served: list[float], whole: list[float]) -> list[Figure]:
    return [
        Figure(f"served_{size}_p50", statistics.median(served), "ms"),
        Figure(f"served_{size}_p95", percentile(served, 95), "ms", "<=300"),
        Figure(f"written_{size}_p50", statistics.median(whole), "ms"),
        Figure(f"written_{size}_p95", percentile(whole, 95), "ms"),
    ]


def percentile(values: list[float], of_hundred: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[of_hundred - 1]
