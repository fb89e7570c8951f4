"""How fast one worker tells everybody, with the ledger on, beside what the same letters cost without one.

In the same run, before and after the worker: `smtplib` with ready bytes on one connection
(the limit of simple sending), Postfix's `smtp-source` in C, and a loop over Django's own
messages on one connection. All send to the same smtp-sink.
"""

import argparse
import json
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from statuspage.local.plan import ROOT

from .results import Figure
from .support.product import Environment, house
from .support.sinks import postfix, sink

SENDER = "status@example.dk"


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks deliver")
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--letters", type=int, default=4_000, help="for each of the comparisons, twice")
    parser.add_argument("--connections", type=int, default=20)
    wanted = parser.parse_args(options)
    connections = str(wanted.connections)
    with (
        sink() as port,
        house(SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{port}", EMAIL_CONNECTIONS=connections) as environment,
    ):
        for command in (["fill", str(wanted.subscribers)], ["announce"], ["expand"]):
            telling(environment, *command)
        letter = Path(environment["VAR_DIR"], "letter.eml")
        telling(environment, "letter", str(letter))
        rates = Rates(environment, port, letter, wanted.letters)
        rates.measure()
        worked = telling(environment, "work")
        rates.measure()
    return figures(worked, rates)


def telling(environment: Environment, *command: str) -> dict[str, Any]:
    """What a command of support/delivery_commands.py answers."""
    full = [sys.executable, "-m", "benchmarks.support.delivery_commands", *command]
    done = subprocess.run(full, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


class Rates:
    """Letters a second of the comparisons."""

    def __init__(self, environment: Environment, port: int, letter: Path, letters: int) -> None:
        self.environment, self.port, self.letter, self.letters = environment, port, letter, letters
        self.content = letter.read_bytes()
        self.seen: dict[str, list[float]] = {"smtplib": [], "smtp_source": [], "django": []}

    def measure(self) -> None:
        self.seen["smtplib"].append(self.letters / seconds(self.smtplib))
        self.seen["smtp_source"].append(self.letters / seconds(self.smtp_source))
        few = max(self.letters // 8, 1)
        self.seen["django"].append(
            few / float(telling(self.environment, "loop", str(few), str(self.letter))["seconds"])
        )

    def smtplib(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as wire:
            for number in range(self.letters):
                wire.sendmail(SENDER, [f"reader{number}@host.example"], self.content)

    def smtp_source(self) -> None:
        """One session, kept open, with letters of the same length."""
        size = ["-m", str(self.letters), "-l", str(len(self.content))]
        command = [postfix("smtp-source"), "-d", "-s", "1", *size, "-f", SENDER, "-t", "reader@host.example"]
        subprocess.run([*command, f"127.0.0.1:{self.port}"], check=True)

    def of(self, name: str) -> float:
        return statistics.mean(self.seen[name])


def seconds(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def figures(worked: dict[str, Any], rates: Rates) -> list[Figure]:
    rate = worked["sent"] / worked["seconds"]
    return [
        Figure("sent", worked["sent"]),
        Figure("rate", rate, "/s"),
        Figure("processor_time", worked["cpu"] / worked["sent"] * 1e6, "us"),
        *(Figure(name, rates.of(name), "/s") for name in rates.seen),
        Figure("smtplib_ratio", rate / rates.of("smtplib"), aim=">=0.5"),
        Figure("django_ratio", rate / rates.of("django"), aim=">=5"),
        Figure("memory", worked["after"], "MB"),
        Figure("memory_growth", worked["after"] - worked["before"], "MB", "<=10"),
    ]
