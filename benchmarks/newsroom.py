"""How long each page of the newsroom takes with 10,000 incidents, 100,000 subscribers and as many deliveries.

Also whether its number of queries is the same with little data.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.results import Figure, percentile
from benchmarks.support.product import Environment, product_environment
from statuspage.local.paths import ROOT

INCIDENTS, SUBSCRIBERS = 10_000, 100_000
FEW = 200
# The composer and its sentence about the audience must open at once.
AIMS = {"new_incident": "<=100", "audience": "<=100"}


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks newsroom")
    parser.add_argument("--incidents", type=int, default=INCIDENTS)
    parser.add_argument("--subscribers", type=int, default=SUBSCRIBERS)
    parser.add_argument("--rounds", type=int, default=20, help="requests of each page; the 95th percentile counts")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        small = measured(environment, FEW, FEW, rounds=1)
        large = measured(environment, wanted.incidents, wanted.subscribers, wanted.rounds)
    figures = [
        Figure(name, percentile(page["times"], 95), "ms", AIMS.get(name, "<=300")) for name, page in large.items()
    ]
    more = {name: page["queries"] - small[name]["queries"] for name, page in large.items()}
    for name, number in more.items():
        if number > 0:
            print(
                f"{name}: {small[name]['queries']} queries with little data, {number} more with much", file=sys.stderr
            )
    return [*figures, Figure("pages_with_more_queries", sum(number > 0 for number in more.values()), aim="<=0")]


def measured(environment: Environment, incidents: int, subscribers: int, rounds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.support.newsroom", *map(str, (incidents, subscribers, rounds))]
    output = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(output)
    return found
