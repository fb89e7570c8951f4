"""How long after its commit an update is served, with a short and a long history; and how fast everything is published.

One process posts an update; another requests the home page from a PublicSite under
granian until the page shows it. `staff` is how long staff wait for their answer, and `all`
how long it takes until the scheduler has written every document, from the commit on. The
latest ninety days are the same for every size; figures without a size are of the longest history.
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
from benchmarks.support.product import SCHEDULER, Environment, granian, manage_command, product_environment, web_server
from statuspage.local.paths import ROOT

SIZES = (10, 1_000, 10_000)
PATH = "/da/"
UNCOUNTED = 3  # the first updates fill the caches of templates and connections
PAUSE = 0.004  # seconds between two requests
PATIENCE = 30.0
PYTHON = sys.executable
AIMS = {"served_p95": "<=300", "staff_p95": "<=150", "all_p95": "<=500"}  # ms

Times = dict[str, list[float]]


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
        for size in sorted(wanted.sizes):
            is_last = size == max(wanted.sizes)
            figures += filled(environment, size, is_last=is_last)
            times = posted(environment, wanted.rounds)
            medians[size] = statistics.median(times["served"])
            figures += timed(times, "" if is_last else f"_{size}")
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


def posted(environment: Environment, rounds: int) -> Times:
    """For each update, how many ms after its commit it was served, answered to staff, and written everywhere."""
    times: Times = {"served": [], "staff": [], "all": []}
    with (
        web_server(granian(), environment) as site,
        manage_command(SCHEDULER, environment),
        staff(environment, "--to-the-end") as people,
    ):
        reader = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=PATIENCE)
        for number in range(rounds + UNCOUNTED):
            word = f"word-{number:05}-"
            print(word, file=people.input, flush=True)
            served = wait_for(reader, word.encode())
            committed, answered = (int(moment) for moment in people.output.readline().split())
            written = int(people.output.readline())
            if number >= UNCOUNTED:
                for name, moment in zip(times, (served, answered, written), strict=True):
                    times[name].append((moment - committed) / 1e6)
        reader.close()
    return times


@contextmanager
def staff(environment: Environment, *options: str) -> Iterator[Staff]:
    command = [PYTHON, "-m", "benchmarks.support.writer", *options]
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


def timed(times: Times, suffix: str) -> list[Figure]:
    return [
        figure
        for name, found in times.items()
        for figure in (
            Figure(f"{name}{suffix}_p50", statistics.median(found), "ms"),
            Figure(f"{name}{suffix}_p95", percentile(found, 95), "ms", AIMS[f"{name}_p95"]),
        )
    ]
