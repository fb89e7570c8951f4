"""How long after the hold the first email of an announcement has been sent, also during a flood of sign-ups.

The scheduler and one worker are idle in one half of the rounds. In the other half, 1,500
requests from the public form are waiting for that worker. The rounds alternate, so that
other work on the machine affects both alike.
"""

import argparse

from benchmarks.results import Figure, percentile
from benchmarks.support.product import Environment, delivery_command, product_environment, scheduler_and_worker
from benchmarks.support.sinks import sink

HOLD = 1.0
# What the flood may add at most: a request or message that is being worked on, and the start of a job.
FACTOR, SECONDS = 1.25, 0.25


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks first_mail")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--requests", type=int, default=1500)
    wanted = parser.parse_args(options)
    idle, flooded, left = list[float](), list[float](), list[float]()
    with sink() as port, product_environment(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}") as environment:
        delivery_command(environment, "fill", str(wanted.subscribers))
        with scheduler_and_worker(environment):
            for _round in range(wanted.rounds):
                idle.append(measured(environment, wanted.subscribers, 0)["first"])
                found = measured(environment, wanted.subscribers, wanted.requests)
                flooded.append(found["first"])
                left.append(found["requests"])
    allowed = FACTOR * percentile(idle, 95) + SECONDS
    return [
        Figure("rounds", len(idle)),
        Figure("p50", percentile(idle, 50), "s"),
        Figure("p95", percentile(idle, 95), "s", "<=0.5"),
        Figure("flooded_p50", percentile(flooded, 50), "s"),
        Figure("flooded_p95", percentile(flooded, 95), "s"),
        Figure("flooded_p95_of_allowed", percentile(flooded, 95) / allowed, aim="<=1"),
        # Otherwise the flood was over before the announcement.
        Figure("requests_left", min(left), aim=">=1"),
    ]


def measured(environment: Environment, subscribers: int, requests: int) -> dict[str, float]:
    """The seconds until the first email, and how many requests were waiting when the last one had been sent."""
    delivery_command(environment, "sign_ups", str(requests))
    delivery_command(environment, "announce", str(HOLD))
    return delivery_command(environment, "wait_until_sent", str(subscribers))
