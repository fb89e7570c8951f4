"""How long an announcement takes to become a delivery for each of very many, and 10,000 to be told after a commit.

`first` and `last` are counted from the commit of the update, which is held for no time
here, to the reply to the first and the last letter, with a clock and a worker that idle
before it.
"""

import argparse

from .deliver import telling
from .first_mail import at_work
from .results import Figure
from .support.product import Environment, house
from .support.sinks import sink

SIZES = (10_000, 100_000, 1_000_000)
AIMS = {1_000_000: "<=30"}
TOLD = 10_000


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks expand")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="subscribers")
    wanted = parser.parse_args(options)
    figures = []
    with sink() as port, house(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}") as environment:
        for size in wanted.sizes:
            figures += expanded(environment, size)
        return [*figures, *told(environment)]


def expanded(environment: Environment, size: int) -> list[Figure]:
    telling(environment, "fill", str(size))
    telling(environment, "announce")
    found = telling(environment, "expand")
    octets = (found["table"] + found["indexes"]) / size
    return [
        Figure(f"seconds_{size}", found["seconds"], "s", AIMS.get(size, "")),
        Figure(f"memory_{size}", found["memory"], "MB", "<=150"),
        Figure(f"octets_a_row_{size}", octets),
    ]


def told(environment: Environment) -> list[Figure]:
    telling(environment, "fill", str(TOLD))
    with at_work(environment):
        telling(environment, "announce")
        found = telling(environment, "told", str(TOLD))
    return [Figure("first", found["first"], "s"), Figure("last", found["last"], "s"), Figure("told", found["sent"])]
