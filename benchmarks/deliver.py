"""How fast one worker delivers, every message recorded in the database, compared with plain sending.

In the same run, before and after the worker: `smtplib` with ready bytes on one connection
(the limit of simple sending), Postfix's `smtp-source` in C, and a loop over Django's own
messages on one connection. All send to the same smtp-sink.
"""

import argparse
import smtplib
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import Figure
from benchmarks.support.product import Environment, delivery_command, product_environment
from benchmarks.support.sinks import postfix, sink

SENDER = "status@example.dk"


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks deliver")
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--messages", type=int, default=4_000, help="for each of the comparisons, twice")
    parser.add_argument("--connections", type=int, default=20)
    wanted = parser.parse_args(options)
    connections = str(wanted.connections)
    with (
        sink() as port,
        product_environment(
            SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}", EMAIL_CONNECTIONS=connections
        ) as environment,
    ):
        for command in (["fill", str(wanted.subscribers)], ["announce"], ["expand"]):
            delivery_command(environment, *command)
        example = Path(environment["VAR_DIR"], "example.eml")
        delivery_command(environment, "write_message", str(example))
        rates = Rates(environment, port, example, wanted.messages)
        rates.measure()
        worker = delivery_command(environment, "deliver")
        rates.measure()
    return figures(worker, rates)


class Rates:
    """Messages per second of the comparisons."""

    def __init__(self, environment: Environment, port: int, example: Path, messages: int) -> None:
        self.environment, self.port, self.example, self.messages = environment, port, example, messages
        self.content = example.read_bytes()
        self.seen: dict[str, list[float]] = {"smtplib": [], "smtp_source": [], "django": []}

    def measure(self) -> None:
        self.seen["smtplib"].append(self.messages / seconds(self.smtplib))
        self.seen["smtp_source"].append(self.messages / seconds(self.smtp_source))
        few = max(self.messages // 8, 1)
        self.seen["django"].append(
            few / float(delivery_command(self.environment, "send_with_django", str(few), str(self.example))["seconds"])
        )

    def smtplib(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as connection:
            for number in range(self.messages):
                connection.sendmail(SENDER, [f"reader{number}@host.example"], self.content)

    def smtp_source(self) -> None:
        """One session that stays open, with messages of the same size."""
        size = ["-m", str(self.messages), "-l", str(len(self.content))]
        command = [postfix("smtp-source"), "-d", "-s", "1", *size, "-f", SENDER, "-t", "reader@host.example"]
        subprocess.run([*command, f"127.0.0.1:{self.port}"], check=True)

    def of(self, name: str) -> float:
        return statistics.mean(self.seen[name])


def seconds(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def figures(worker: dict[str, Any], rates: Rates) -> list[Figure]:
    rate = worker["sent"] / worker["seconds"]
    return [
        Figure("sent", worker["sent"]),
        Figure("rate", rate, "/s"),
        Figure("processor_time", worker["cpu"] / worker["sent"] * 1e6, "us", "<=200"),
        Figure("database_time", worker["database"] / worker["sent"] * 1e6, "us"),
        *(Figure(name, rates.of(name), "/s") for name in rates.seen),
        Figure("smtp_source_ratio", rate / rates.of("smtp_source"), aim=">=0.9"),
        Figure("smtplib_ratio", rate / rates.of("smtplib"), aim=">=0.5"),
        Figure("django_ratio", rate / rates.of("django"), aim=">=5"),
        Figure("memory", worker["after"], "MB"),
        Figure("memory_growth", worker["after"] - worker["before"], "MB", "<=10"),
    ]
