"""How long the scheduler's beat and pages take with 5,000 maintenances in the past and 500 ahead.

Compared with 200 in the past and 20 ahead, which fill the lists that are limited; both take turns. The public list of
maintenance and the calendar show all of it, so their times have no aim; their numbers of queries must not grow either.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.results import Figure
from benchmarks.support.product import product_environment
from statuspage.local.paths import ROOT

PAST, AHEAD = 5_000, 500
FEWER = 25  # times
FLAT = ("alert_staff", "front_page", "maintenance_list", "home")
SHOWS_ALL = ("maintenancelist", "calendar")


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks maintenance")
    parser.add_argument("--past", type=int, default=PAST)
    parser.add_argument("--ahead", type=int, default=AHEAD)
    parser.add_argument("--rounds", type=int, default=31, help="runs of each; the median counts")
    wanted = parser.parse_args(options)
    with ExitStack() as running:
        few = running.enter_context(planning(wanted.past // FEWER, wanted.ahead // FEWER))
        many = running.enter_context(planning(wanted.past, wanted.ahead))
        found = {name: measured(name, few, many, wanted.rounds) for name in few.names}
    for name, one in found.items():
        queries = f"{one.few_queries:.0f} → {one.many_queries:.0f} queries"
        print(f"{name}: {one.few:.2f} → {one.many:.2f} ms, {queries}", file=sys.stderr)
    return [
        Figure("beat", found["beat"].many, "ms", "<=50"),
        Figure("beat_ratio", found["beat"].ratio, aim="<=1.5"),
        *(Figure(f"{name}_ratio", found[name].ratio, aim="<=1.5") for name in FLAT),
        *(Figure(name, found[name].many, "ms") for name in SHOWS_ALL),
        Figure("with_more_queries", sum(one.many_queries > one.few_queries for one in found.values()), aim="<=0"),
    ]


class Planning:
    """A process with a database of its own, which runs one thing at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.names: list[str] = self._answer()

    def run(self, name: str) -> dict[str, float]:
        assert self._process.stdin
        print(name, file=self._process.stdin, flush=True)
        return dict(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def planning(past: int, ahead: int) -> Iterator[Planning]:
    command = [sys.executable, "-m", "benchmarks.support.planning", str(past), str(ahead)]
    with product_environment(SAMPLE_DATA="0") as environment:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
            yield Planning(process)


@dataclass(frozen=True)
class Comparison:
    """Medians in ms with few and with many maintenances, and the numbers of queries."""

    few: float
    many: float
    few_queries: float
    many_queries: float

    @property
    def ratio(self) -> float:
        return self.many / self.few


def measured(name: str, few: Planning, many: Planning, rounds: int) -> Comparison:
    for one in (few, many):
        one.run(name)  # compiles templates, prepares statements
    pairs = [(few.run(name), many.run(name)) for _round in range(rounds)]
    return Comparison(
        *(statistics.median(pair[place]["ms"] for pair in pairs) for place in (0, 1)),
        *(pairs[-1][place]["queries"] for place in (0, 1)),
    )
