"""How long after the hold the first email of an announcement has been sent, with an idle scheduler and worker."""

import argparse

from benchmarks.results import Figure, percentile
from benchmarks.support.product import delivery_command, product_environment, scheduler_and_worker
from benchmarks.support.sinks import sink

HOLD = 1.0


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks first_mail")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--subscribers", type=int, default=100)
    wanted = parser.parse_args(options)
    waits = []
    with sink() as port, product_environment(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}") as environment:
        delivery_command(environment, "fill", str(wanted.subscribers))
        with scheduler_and_worker(environment):
            for _round in range(wanted.rounds):
                delivery_command(environment, "announce", str(HOLD))
                waits.append(delivery_command(environment, "wait_until_sent", str(wanted.subscribers))["first"])
    return [
        Figure("rounds", len(waits)),
        Figure("p50", percentile(waits, 50), "s"),
        Figure("p95", percentile(waits, 95), "s", "<=1"),
    ]
