"""How much later everybody is notified when a worker is stopped or killed in the middle of an announcement.

The scheduler and RQ's worker are real processes. In the middle of the messages SIGTERM is
sent to RQ's process, to the process of its job, or to both, as systemd does; or SIGKILL to
the job or to both. If RQ's process ends, another is started at once, as a supervisor does.
The relay takes a moment to confirm a message, so that all connections are in flight.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.results import Figure
from benchmarks.support.product import (
    SCHEDULER,
    WORKER,
    Environment,
    delivery_command,
    manage_command,
    product_environment,
)
from benchmarks.support.relay import Relay, relay
from harness.readiness import awaited_readiness
from statuspage.local.paths import ROOT

CONNECTIONS = 20
PAUSE = 0.05  # seconds before the relay confirms a message
PATIENCE = 240.0
UNFINISHED = "SELECT count(*) FROM incidents_delivery WHERE state IN ('queued', 'deferred', 'uncertain', 'sending')"


@dataclass(frozen=True)
class Stop:
    """Which signal is sent, and to which of the two processes."""

    sent: signal.Signals = signal.SIGTERM
    parent: bool = False
    horse: bool = False

    @property
    def ends_cleanly(self) -> bool:
        return self.parent and self.sent is signal.SIGTERM

    @property
    def duplicates(self) -> int:
        """The number of messages that may be sent twice."""
        return CONNECTIONS if self.sent is signal.SIGKILL else 0


TERM, KILL = signal.SIGTERM, signal.SIGKILL
CASES = {
    "undisturbed": Stop(),
    "term_parent": Stop(TERM, parent=True),
    "term_job": Stop(TERM, horse=True),
    "term_both": Stop(TERM, parent=True, horse=True),
    "kill_job": Stop(KILL, horse=True),
    "kill_both": Stop(KILL, parent=True, horse=True),
}


@dataclass
class Found:
    """What the runs of a case showed."""

    seconds: list[float] = field(default_factory=list)
    to_end: list[float] = field(default_factory=list)  # seconds from SIGTERM to the end of RQ's process
    missed: int = 0
    unfinished: int = 0
    failed: int = 0
    duplicates: int = 0  # of one run, at most
    unmarked: int = 0
    bad_exits: int = 0


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks stop")
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args(options)
    found = {name: Found() for name in CASES}
    with (
        relay(PAUSE) as server,
        product_environment(**variables(server.port)) as environment,
        manage_command(SCHEDULER, environment),
    ):
        for _round in range(wanted.rounds):
            for name, stop in CASES.items():
                measure(environment, server, wanted.subscribers, stop, found[name])
    return figures(found)


def variables(port: int) -> dict[str, str]:
    return {
        "SAMPLE_DATA": "0",
        "ANNOUNCEMENT_HOLD": "0",
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        "EMAIL_CONNECTIONS": str(CONNECTIONS),
    }


def measure(environment: Environment, server: Relay, subscribers: int, stop: Stop, found: Found) -> None:
    delivery_command(environment, "fill", str(subscribers))
    server.reset()
    with Workers(environment) as workers, database(environment) as rows:
        announced = delivery_command(environment, "announce")
        wait_until(lambda: server.count_accepted() >= subscribers // 2)
        workers.end(stop, found)
        wait_until(lambda: server.count_accepted() >= subscribers and rows.execute(UNFINISHED).fetchone() == (0,))
        found.seconds.append(time.time() - announced["committed"])
    seen = delivery_command(environment, "outcome")
    messages = Counter(address for _at, address in server.accepted())
    twice = {address for address, number in messages.items() if number > 1}
    found.missed += subscribers - len(messages)
    found.unfinished += seen["unfinished"]
    found.failed += seen["failed"]
    found.duplicates = max(found.duplicates, sum(messages.values()) - len(messages))
    found.unmarked += len(twice - set(seen["uncertain"]))


class Workers:
    """RQ's worker, which is started again when it has ended."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def __enter__(self) -> "Workers":
        with awaited_readiness() as variables:  # an idle worker, as in production
            self.start(**variables)
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def start(self, **variables: str) -> None:
        command = [sys.executable, "manage.py", *WORKER]
        environment = self.environment | variables
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)

    def end(self, stop: Stop, found: Found) -> None:
        begun = time.monotonic()
        for pid in [self.process.pid] * stop.parent + self.job() * stop.horse:
            os.kill(pid, stop.sent)
        if stop.parent:
            code = self.process.wait(PATIENCE)
            self.start()
        if stop.ends_cleanly:
            found.to_end.append(time.monotonic() - begun)
            found.bad_exits += code != 0

    def job(self) -> list[int]:
        """The process of the job that RQ's process has forked."""
        files = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for file in files for pid in file.read_text(encoding="utf-8").split()]


@contextmanager
def database(environment: Environment) -> Iterator[psycopg.Connection]:
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        yield connection


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)


def figures(found: dict[str, Found]) -> list[Figure]:
    undisturbed = statistics.median(found["undisturbed"].seconds)
    lines = [Figure("seconds_undisturbed", undisturbed, "s")]
    for name, stop in CASES.items():
        if stop.parent or stop.horse:
            lines.append(Figure(f"more_{name}", max(found[name].seconds) - undisturbed, "s", "<=60"))
            lines.append(Figure(f"twice_{name}", found[name].duplicates, aim=f"<={stop.duplicates}"))
    to_end = [seconds for one in found.values() for seconds in one.to_end]
    totals = {name: sum(getattr(one, name) for one in found.values()) for name in TOTALS}
    return [
        *lines,
        Figure("seconds_to_end", max(to_end), "s", "<=30"),
        *(Figure(name, total, aim="<=0") for name, total in totals.items()),
    ]


# What must not happen in any case.
TOTALS = ("missed", "unfinished", "failed", "unmarked", "bad_exits")
