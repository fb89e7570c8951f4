"""Many readers at once while an update is published every second: is every response complete, and how old is it?

The age of a response is how long before the request a newer version had been committed.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import threading
import time

from benchmarks.publish import UNCOUNTED, Staff, staff
from benchmarks.results import Figure, percentile
from benchmarks.support.product import SCHEDULER, Environment, granian, manage_command, product_environment, web_server
from benchmarks.support.readers import Readers, Seen
from statuspage.local.paths import ROOT

PATH = "/da/"
_WORD = re.compile(rb"storm-(\d+)-")

Commits = dict[int, int]  # by the number of the update: when it was committed, in monotonic ns


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--incidents", type=int, default=1_000, help="in the history")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        fill(environment, wanted.incidents)
        with (
            web_server(granian(), environment) as site,
            manage_command(SCHEDULER, environment),
            staff(environment) as people,
        ):
            commits, seen = read_while_publishing(site.url, people, wanted.seconds, wanted.connections)
    return [*completeness(seen), *freshness(seen, commits)]


def fill(environment: Environment, incidents: int) -> None:
    for command in (["-m", "benchmarks.support.history", str(incidents)], ["manage.py", "publish", "--all", "-v0"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def read_while_publishing(url: str, people: Staff, seconds: int, connections: int) -> tuple[Commits, Seen]:
    commits: Commits = {}
    over = threading.Event()
    for _ in range(UNCOUNTED):
        post(people, 0)
    publishing = threading.Thread(target=publish_every_second, args=(people, commits, over))
    publishing.start()
    try:
        return commits, asyncio.run(Readers(url, PATH, connections).read(seconds))
    finally:
        over.set()
        publishing.join()


def publish_every_second(people: Staff, commits: Commits, over: threading.Event) -> None:
    number = 0
    while not over.wait(max(0.0, 1 - time.monotonic() % 1)):
        number += 1
        commits[number] = post(people, number)


def post(people: Staff, number: int) -> int:
    """Post an update, and return when it was committed once readers' pages are published."""
    print(f"storm-{number}-", file=people.input, flush=True)
    return int(people.output.readline().split()[0])


def completeness(seen: Seen) -> list[Figure]:
    responses = seen.statuses.total()
    wrong = responses - seen.statuses[200] - seen.statuses[304]
    return [
        Figure("responses", responses),
        Figure("not_modified", seen.statuses[304]),
        Figure("wrong_responses", wrong, aim="<=0"),
        Figure("torn_bodies", seen.torn, aim="<=0"),
        Figure("dead_links", len(seen.dead_links), aim="<=0"),
    ]


def freshness(seen: Seen, commits: Commits) -> list[Figure]:
    shown = {digest: newest_word(body) for digest, body in seen.bodies.items()}
    ages = [max(0, asked - commits[shown[digest] + 1]) for asked, digest in seen.reads if shown[digest] + 1 in commits]
    return [
        Figure("updates", len(commits), aim=">=10"),
        Figure("versions_read", len(set(shown.values())), aim=">=10"),
        Figure("oldest_age", max(ages) / 1e9, "s", "<=1"),
        Figure("p50", percentile(seen.latencies, 50) * 1000, "ms"),
        Figure("p99", percentile(seen.latencies, 99) * 1000, "ms"),
    ]


def newest_word(body: bytes) -> int:
    """The number of the newest update on the page; 0 before the first."""
    return max((int(number) for number in _WORD.findall(body)), default=0)
