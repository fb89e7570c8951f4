"""How long after its hold the first letter of an announcement has been taken, with a clock and a worker that idle."""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .deliver import telling
from .publish import percentile
from .results import Figure
from .support.product import Environment, house, running
from .support.sinks import sink

HOLD = 1.0
COMMANDS = (["clock"], ["rqworker", "delivery", "requests", "--verbosity", "0"])


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks first_mail")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--subscribers", type=int, default=100)
    wanted = parser.parse_args(options)
    waits = []
    with sink() as port, house(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}") as environment:
        telling(environment, "fill", str(wanted.subscribers))
        with at_work(environment):
            for _round in range(wanted.rounds):
                telling(environment, "announce", str(HOLD))
                waits.append(telling(environment, "told", str(wanted.subscribers))["first"])
    return [
        Figure("rounds", len(waits)),
        Figure("p50", percentile(waits, 50), "s"),
        Figure("p95", percentile(waits, 95), "s", "<=1"),
    ]


@contextmanager
def at_work(environment: Environment, seconds_to_start: float = 5) -> Iterator[None]:
    """A clock and a worker, as in production."""
    with ExitStack() as stack:
        for command in COMMANDS:
            stack.enter_context(running(command, environment))
        time.sleep(seconds_to_start)
        yield
