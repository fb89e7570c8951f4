"""The day this product was born from, with ten thousand readers: `451 4.7.500 Server busy` for 24 hours.

The clock is simulated. Three updates in that time, and two workers that take what they can and die.
"""

import argparse

from .deliver import telling
from .results import Figure
from .support.product import house


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks busy_day")
    parser.add_argument("--subscribers", type=int, default=10_000)
    wanted = parser.parse_args(options)
    with house(SAMPLE_DATA="0", ANNOUNCEMENT_HOLD="0") as environment:
        telling(environment, "fill", str(wanted.subscribers))
        seen = telling(environment, "day")
    return [
        Figure("readers", wanted.subscribers),
        Figure("told_once_of_the_newest", seen["once"], aim=f">={wanted.subscribers}"),
        Figure("told_more_than_once", seen["more"], aim="<=0"),
        Figure("told_something_older", seen["older"], aim="<=0"),
        Figure("suspended", seen["suspended"], aim="<=0"),
        Figure("probes", seen["probes"], aim="<=14"),
        Figure("seconds", seen["seconds"], "s"),
    ]
