"""Many readers at once while an update is published every second: is every answer whole, and how old is it?

The age of an answer is how long before the question a newer version had been committed.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import threading
import time

from statuspage.local.plan import ROOT

from .publish import Staff, percentile, staff
from .results import Figure
from .support.product import Environment, granian, house, server
from .support.readers import Crowd, Seen

PATH = "/da/"
_WORD = re.compile(rb"storm-(\d+)-")

Commits = dict[int, int]  # by the number of the update: when it was committed, in monotonic ns


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--incidents", type=int, default=1_000, help="in the history")
    wanted = parser.parse_args(options)
    with house(SAMPLE_DATA="0", WEB_THREADS="5") as environment:
        fill(environment, wanted.incidents)
        with server(granian("statuspage.wsgi:application", 5), environment) as site, staff(environment) as people:
            commits, seen = stormed(site.url, people, wanted.seconds, wanted.connections)
    return [*whole(seen), *fresh(seen, commits)]


def fill(environment: Environment, incidents: int) -> None:
    for command in (["-m", "benchmarks.support.history", str(incidents)], ["manage.py", "publish", "--all", "-v0"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def stormed(url: str, people: Staff, seconds: int, connections: int) -> tuple[Commits, Seen]:
    commits: Commits = {}
    over = threading.Event()
    publishing = threading.Thread(target=publish_every_second, args=(people, commits, over))
    publishing.start()
    try:
        return commits, asyncio.run(Crowd(url, PATH, connections).read(seconds))
    finally:
        over.set()
        publishing.join()


def publish_every_second(people: Staff, commits: Commits, over: threading.Event) -> None:
    number = 0
    while not over.wait(max(0.0, 1 - time.monotonic() % 1)):
        number += 1
        print(f"storm-{number}-", file=people.tell, flush=True)
        commits[number] = int(people.answers.readline().split()[0])


def whole(seen: Seen) -> list[Figure]:
    answers = seen.statuses.total()
    wrong = answers - seen.statuses[200] - seen.statuses[304]
    return [
        Figure("answers", answers),
        Figure("not_modified", seen.statuses[304]),
        Figure("wrong_answers", wrong, aim="<=0"),
        Figure("torn_bodies", seen.torn, aim="<=0"),
        Figure("dead_links", len(seen.dead_links), aim="<=0"),
    ]


def fresh(seen: Seen, commits: Commits) -> list[Figure]:
    shown = {digest: newest_word(body) for digest, body in seen.bodies.items()}
    ages = [max(0, asked - commits[shown[digest] + 1]) for asked, digest in seen.reads if shown[digest] + 1 in commits]
    return [
        Figure("updates", len(commits), aim=">=10"),
        Figure("versions_read", len(set(shown.values())), aim=">=10"),
        Figure("oldest", max(ages) / 1e9, "s", "<=1"),
        Figure("p50", percentile(seen.latencies, 50) * 1000, "ms"),
        Figure("p99", percentile(seen.latencies, 99) * 1000, "ms"),
    ]


def newest_word(body: bytes) -> int:
    """The number of the newest update on the page; 0 before the first."""
    return max((int(number) for number in _WORD.findall(body)), default=0)
