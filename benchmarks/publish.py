"""How long after its commit an update is served, with a short and a long history; and how fast everything is published.

One process posts an update; another requests the home page from a PublicSite under
granian until the page shows it. The latest ninety days are the same for every size.
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

from benchmarks.results import Figure, percentile
from benchmarks.support.memory import watched
from benchmarks.support.product import Environment, granian, product_environment, web_server
from statuspage.local.paths import ROOT

SIZES = (10, 1_000, 10_000)
PATH = "/da/"
PAUSE = 0.004  # seconds between two requests
PATIENCE = 30.0
PYTHON = sys.executable


@dataclass(frozen=True)
class Staff:
    """A process that posts an update for each line it reads; see support/writer.py."""

    input: IO[str]
    output: IO[str]


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks publish")
    parser.add_argument("--rounds", type=int, default=60, help="updates posted per size")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="incidents in the history")
    wanted = parser.parse_args(options)
    figures, medians = [], {}
    with product_environment(SAMPLE_DATA="0") as environment:
        for size in wanted.sizes:
            figures += filled(environment, size, is_last=size == max(wanted.sizes))
            served, whole = posted(environment, wanted.rounds)
            medians[size] = statistics.median(served)
            figures += timed(size, served, whole)
    flat = medians[max(medians)] / medians[min(medians)]
    return [*figures, Figure(f"served_{max(medians)}_over_{min(medians)}", flat, "x", "<=1.5")]


def filled(environment: Environment, size: int, *, is_last: bool) -> list[Figure]:
    """Publish a history of that size; for the longest one, return the speed and what it took."""
    subprocess.run([PYTHON, "-m", "benchmarks.support.history", str(size)], cwd=ROOT, env=environment, check=True)
    seen = watched([PYTHON, "manage.py", "publish", "--all"], environment)
    written = int(re.findall(r"(\d+) written", seen.output)[0])
    if not is_last:
        return []
    return [
        Figure("all_documents", written),
        Figure("all_rate", written / seen.seconds, "/s", ">=330"),
        Figure("all_processor", 1_000 * seen.processor_seconds / written, "ms"),
        Figure("all_memory", seen.megabytes, "MB", "<=250"),
    ]


def posted(environment: Environment, rounds: int) -> tuple[list[float], list[float]]:
    """For each update, how many ms after its commit it was served, and all its documents were written."""
    served, whole = [], []
    with web_server(granian(), environment) as site, staff(environment) as people:
        reader = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=PATIENCE)
        for number in range(rounds):
            word = f"word-{number:05}-"
            print(word, file=people.input, flush=True)
            seen = wait_for(reader, word.encode())
            committed, written = (int(moment) for moment in people.output.readline().split())
            served.append((seen - committed) / 1e6)
            whole.append((written - committed) / 1e6)
        reader.close()
    return served[3:], whole[3:]  # the first ones fill the caches of templates and connections


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
    """The moment, in ns, at which a response contained the word."""
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
