"""How long it takes to create a delivery for each of up to a million subscribers, and to notify 10,000 of them.

`first` and `last` are the seconds from the commit of the update to the reply to the first and
to the last message, without a hold, and with a scheduler and a worker that were idle before.
"""

import argparse

from benchmarks.results import Figure
from benchmarks.support.product import Environment, delivery_command, product_environment, scheduler_and_worker
from benchmarks.support.sinks import sink

SIZES = (10_000, 100_000, 1_000_000)
AIMS = {1_000_000: "<=15"}
NOTIFIED = 10_000


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks expand")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="subscribers")
    wanted = parser.parse_args(options)
    figures = []
    with sink() as port, product_environment(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}") as environment:
        for size in wanted.sizes:
            figures += expanded(environment, size)
        return [*figures, *notified(environment)]


def expanded(environment: Environment, size: int) -> list[Figure]:
    delivery_command(environment, "fill", str(size))
    delivery_command(environment, "announce")
    found = delivery_command(environment, "expand")
    row_size = (found["table"] + found["indexes"]) / size
    return [
        Figure(f"seconds_{size}", found["seconds"], "s", AIMS.get(size, "")),
        Figure(f"memory_{size}", found["memory"], "MB", "<=150"),
        Figure(f"bytes_per_row_{size}", row_size),
    ]


def notified(environment: Environment) -> list[Figure]:
    delivery_command(environment, "fill", str(NOTIFIED))
    with scheduler_and_worker(environment):
        delivery_command(environment, "announce")
        found = delivery_command(environment, "wait_until_sent", str(NOTIFIED))
    return [Figure("first", found["first"], "s"), Figure("last", found["last"], "s"), Figure("sent", found["sent"])]
