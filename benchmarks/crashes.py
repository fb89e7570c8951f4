"""Whether every subscriber is notified although workers, queue, database and mail server fail again and again.

A real worker is killed with SIGKILL at random moments of a fan-out. Between the kills the queue is
emptied, PostgreSQL ends all its connections, and the mail server answers 421, closes connections before
and after the end of the content, or falls silent. A dead worker counts as dead at once.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis import Redis

from benchmarks.results import Figure
from benchmarks.support.product import Environment, delivery_command, family, product_environment
from harness.smtp_server import DROP, ScriptedServer, as_usual
from statuspage.local.paths import ROOT

CONNECTIONS = 10
SILENCE = 12.0  # seconds; longer than EMAIL_TIMEOUT below
PATIENCE = 240.0
DISTURBANCES = ["flush", "database", "421", "drop", "drop after the dot", "silence"]


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks crashes")
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=10)
    wanted = parser.parse_args(options)
    with ScriptedServer() as server, product_environment(**variables(server.port)) as environment:
        for command in (["fill", str(wanted.subscribers)], ["announce"], ["expand"]):
            delivery_command(environment, *command)
        share = wanted.subscribers // (wanted.kills + 1)
        lost = 0
        for number in range(wanted.kills):
            lost += disturb(environment, server, DISTURBANCES[number % len(DISTURBANCES)])
            send_and_kill(environment, server, share * number + random.randint(1, share))
        seen = finish(environment)
    messages = Counter(message.recipient for message in server.received)
    return [
        Figure("missed", wanted.subscribers - len(messages), aim="<=0"),
        Figure("unfinished", seen["unfinished"], aim="<=0"),
        Figure("failed", seen["failed"], aim="<=0"),
        Figure("duplicates", len(server.received) - len(messages), aim=f"<={CONNECTIONS * wanted.kills + lost}"),
        Figure("unmarked_duplicates", len(set(duplicates(messages)) - set(seen["uncertain"])), aim="<=0"),
        Figure("marked_uncertain", len(seen["uncertain"])),
    ]


def variables(port: int) -> dict[str, str]:
    return {
        "SAMPLE_DATA": "0",
        "ANNOUNCEMENT_HOLD": "0",
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        "EMAIL_CONNECTIONS": str(CONNECTIONS),
        "LEDGER_BATCH": "200",
    }


def duplicates(messages: Counter[str]) -> Iterator[str]:
    return (address for address, number in messages.items() if number > 1)


def disturb(environment: Environment, server: ScriptedServer, what: str) -> int:
    """Cause a disturbance. Return how many messages the mail server may keep without confirming them."""
    server.says = as_usual
    if what == "flush":
        Redis.from_url(environment["REDIS_URL"]).flushall()
        return 0
    if what == "database":
        delivery_command(environment, "disconnect")
        return 0
    stage = "DOT" if "dot" in what else "MAIL"
    turns = iter([None] * 30 + [what] * 5)
    replies = {"421": "421 4.3.2 Going down", "drop": DROP, "drop after the dot": DROP}

    def answer(at: str, _recipient: str) -> str | None:
        turn = next(turns, None) if at == stage else None
        if turn == "silence":
            time.sleep(SILENCE)
        return replies.get(turn or "")

    server.says = answer
    return 5 if stage == "DOT" else 0


def send_and_kill(environment: Environment, server: ScriptedServer, messages: int) -> None:
    """Send until the server has that many messages, then kill the worker."""
    with worker(environment) as process:
        wait_while(environment, lambda: len(server.received) < messages)
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    for pid in list(family(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def finish(environment: Environment) -> dict[str, Any]:
    with worker(environment):
        wait_while(environment, lambda: delivery_command(environment, "outcome")["unfinished"] > 0)
    return delivery_command(environment, "outcome")


def wait_while(environment: Environment, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    recovered_at = time.monotonic()
    while holds() and time.monotonic() < deadline:
        if time.monotonic() - recovered_at > 5:
            delivery_command(environment, "recover", "alive")
            recovered_at = time.monotonic()
        time.sleep(0.02)


@contextmanager
def worker(environment: Environment) -> Iterator["subprocess.Popen[bytes]"]:
    """RQ's worker, which is killed at the end with the process of its job."""
    delivery_command(environment, "recover", "dead")
    command = [sys.executable, "manage.py", "rqworker", "delivery", "messages", "requests", "--verbosity", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            kill(process)
        process.wait(30)
