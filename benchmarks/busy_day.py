"""Whether each of 10,000 subscribers is notified exactly once when a mail server is busy for 24 hours.

It answers `451 4.7.500 Server busy` to each message. Staff post three updates in that time, and
two workers claim deliveries and die. Time is simulated.
"""

import argparse

from benchmarks.results import Figure
from benchmarks.support.product import delivery_command, product_environment


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks busy_day")
    parser.add_argument("--subscribers", type=int, default=10_000)
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0", ANNOUNCEMENT_HOLD="0") as environment:
        delivery_command(environment, "fill", str(wanted.subscribers))
        seen = delivery_command(environment, "busy_day")
    return [
        Figure("subscribers", wanted.subscribers),
        Figure("notified_once", seen["once"], aim=f">={wanted.subscribers}"),
        Figure("notified_more_than_once", seen["more"], aim="<=0"),
        Figure("outdated_messages", seen["outdated"], aim="<=0"),
        Figure("suspended", seen["suspended"], aim="<=0"),
        Figure("probes", seen["probes"], aim="<=14"),
        Figure("seconds", seen["seconds"], "s"),
    ]
