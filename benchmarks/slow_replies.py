"""How close a worker comes to the limit of its connections when the mail server replies slowly.

A message takes four replies (MAIL, RCPT, DATA and the end of the content), and this server
pauses before each: the limit is connections ÷ (pause × 4) messages per second.
"""

import argparse

from benchmarks.results import Figure
from benchmarks.support.product import delivery_command, product_environment
from benchmarks.support.sinks import slow_sink

REPLIES = 4
SECONDS = 20  # how long each run would take at the limit


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
        product_environment(
            SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}", EMAIL_CONNECTIONS=str(connections)
        ) as environment,
    ):
        for command in (["fill", str(round(limit * SECONDS))], ["announce"], ["expand"]):
            delivery_command(environment, *command)
        worker = delivery_command(environment, "deliver")
    rate = worker["sent"] / worker["seconds"]
    return [Figure(f"rate_{name}", rate, "/s"), Figure(f"of_limit_{name}", rate / limit, aim=">=0.8")]
