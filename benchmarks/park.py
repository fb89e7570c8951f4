"""How long statements take that postpone 600,000 deliveries of a destination that fails, and free them again.

Workers move them in batches, between which they record outcomes. `probe_claim` is the
claim of the message that probes the destination while all others wait for it.
"""

import argparse

from benchmarks.results import Figure
from benchmarks.support.product import delivery_command, product_environment


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks park")
    parser.add_argument("--deliveries", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        seen = delivery_command(environment, "park", str(wanted.deliveries), str(wanted.rounds))
    return [
        Figure("postponed", seen["postponed"], aim=f">={wanted.deliveries}"),
        Figure("freed", seen["freed"], aim=f">={wanted.deliveries}"),
        Figure("postpone", seen["postpone"], "s"),
        Figure("p99_to_postpone", seen["p99_to_postpone"], "s"),
        Figure("longest_to_postpone", seen["longest_to_postpone"], "s", "<=0.2"),
        Figure("free", seen["free"], "s"),
        Figure("p99_to_free", seen["p99_to_free"], "s"),
        Figure("longest_to_free", seen["longest_to_free"], "s", "<=0.2"),
        Figure("probe_claim", seen["probe_claim"], "s"),
        Figure("claim_of_others", seen["claim_of_others"], "s"),
    ]
