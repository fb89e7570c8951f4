"""How near a worker comes to what its connections could carry, where each reply of the server takes its time.

A letter costs four replies, MAIL, RCPT, DATA and the final dot, and this sink pauses
before each of them: connections ÷ (pause × 4) letters a second is the limit.
"""

import argparse

from .deliver import telling
from .results import Figure
from .support.product import house
from .support.sinks import slow_sink

REPLIES = 4
SECONDS = 20  # that each run would last at the limit


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks slow_replies")
    parser.add_argument("--pauses", type=int, nargs="+", default=(20, 50), help="milliseconds before each reply")
    parser.add_argument("--connections", type=int, nargs="+", default=(10, 20, 50))
    wanted = parser.parse_args(options)
    return [figure for pause in wanted.pauses for number in wanted.connections for figure in measured(pause, number)]


def measured(pause: int, connections: int) -> list[Figure]:
    limit = connections / (pause / 1000 * REPLIES)
    name = f"{pause}ms_{connections}"
    with (
        slow_sink(pause / 1000) as port,
        house(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}", EMAIL_CONNECTIONS=str(connections)) as environment,
    ):
        for command in (["fill", str(round(limit * SECONDS))], ["announce"], ["expand"]):
            telling(environment, *command)
        worked = telling(environment, "work")
    rate = worked["sent"] / worked["seconds"]
    return [Figure(f"rate_{name}", rate, "/s"), Figure(f"of_limit_{name}", rate / limit, aim=">=0.8")]
