"""Everybody is told although their worker is killed again and again, and more besides.

A real worker, killed with SIGKILL at random moments of a fan-out. Between the kills the queue forgets
everything, PostgreSQL ends all its connections, and the mail server says 421, hangs up before and after
the final dot, and falls silent. Leases run out at once, so that nobody waits half an hour.
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
from contextlib import contextmanager
from typing import Any

from redis import Redis

from harness.smtp_server import DROP, ScriptedServer, as_usual
from statuspage.local.plan import ROOT

from .deliver import telling
from .results import Figure
from .support.product import Environment, house

CONNECTIONS = 10
SILENCE = 12.0  # seconds; longer than EMAIL_TIMEOUT below
PATIENCE = 240.0
DISTURBANCES = ["flush", "database", "421", "drop", "drop after the dot", "silence"]


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks crashes")
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=10)
    wanted = parser.parse_args(options)
    with ScriptedServer() as server, house(**variables(server.port)) as environment:
        for command in (["fill", str(wanted.subscribers)], ["announce"], ["expand"]):
            telling(environment, *command)
        share = wanted.subscribers // (wanted.kills + 1)
        lost = 0
        for number in range(wanted.kills):
            lost += disturb(environment, server, DISTURBANCES[number % len(DISTURBANCES)])
            send_and_die(environment, server, share * number + random.randint(1, share))
        seen = finish(environment)
    letters = Counter(letter.recipient for letter in server.received)
    return [
        Figure("missed", wanted.subscribers - len(letters), aim="<=0"),
        Figure("open", seen["open"], aim="<=0"),
        Figure("failed", seen["failed"], aim="<=0"),
        Figure("twice", len(server.received) - len(letters), aim=f"<={CONNECTIONS * wanted.kills + lost}"),
        Figure("twice_and_not_marked", len(set(twice(letters)) - set(seen["uncertain"])), aim="<=0"),
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


def twice(letters: Counter[str]) -> Iterator[str]:
    return (address for address, number in letters.items() if number > 1)


def disturb(environment: Environment, server: ScriptedServer, what: str) -> int:
    """Returns how many letters the mail server takes without saying so."""
    server.says = as_usual
    if what == "flush":
        Redis.from_url(environment["REDIS_URL"]).flushall()
        return 0
    if what == "database":
        telling(environment, "hang_up")
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


def send_and_die(environment: Environment, server: ScriptedServer, letters: int) -> None:
    """Until the server has so many."""
    with worker(environment) as process:
        wait_while(environment, lambda: len(server.received) < letters)
        os.killpg(process.pid, signal.SIGKILL)


def finish(environment: Environment) -> dict[str, Any]:
    with worker(environment):
        wait_while(environment, lambda: telling(environment, "outcome")["open"] > 0)
    return telling(environment, "outcome")


def wait_while(environment: Environment, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    swept = time.monotonic()
    while holds() and time.monotonic() < deadline:
        if time.monotonic() - swept > 5:
            telling(environment, "recover", "alive")
            swept = time.monotonic()
        time.sleep(0.02)


@contextmanager
def worker(environment: Environment) -> Iterator["subprocess.Popen[bytes]"]:
    """RQ's worker and what it forks, in a group of their own."""
    telling(environment, "recover", "dead")
    command = [sys.executable, "manage.py", "rqworker", "delivery", "requests", "--verbosity", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
