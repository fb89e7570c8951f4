"""10,000 sign-ups of 500 addresses, each from another network, over HTTP, while one real person signs up.

The attacker fetches a new form for each attempt and waits until it may be sent, as a careful
one would. Headers, as a trusted proxy sets them, name the network.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from benchmarks.results import Figure
from benchmarks.support.product import Environment, granian, product_environment, web_server
from statuspage.local.paths import ROOT

VICTIMS = 500
FORM_OPEN = 2.1  # seconds; forms that are sent sooner are refused
PATH = "/da/subscribe/"
_busy: list[str] = []
_STAMP = re.compile(r'name="stamp" value="([^"]+)"')


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks signup_flood")
    parser.add_argument("--attempts", type=int, default=10_000)
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0", TRUSTED_PROXIES="127.0.0.1", WEB_THREADS="5") as environment:
        with web_server(granian("statuspage.wsgi:application", 5), environment) as site:
            begun = time.monotonic()
            with Reader(site.url) as reader:
                refused, waited = flood(site.url, wanted.attempts)
            seconds = time.monotonic() - begun
        messages, most, person, alarms = counted(environment)
    return [
        Figure("attempts", wanted.attempts),
        Figure("attempts_per_second", wanted.attempts / seconds, "/s"),
        Figure("refused_forms", refused, aim="<=0"),
        Figure("busy_responses", len(_busy)),
        Figure("messages", messages - person, aim=f"<={VICTIMS}"),
        Figure("most_to_one_address", most, aim="<=1"),
        Figure("alarms", alarms, aim="<=1"),
        Figure("alarm_missing", 1 - alarms, aim="<=0"),
        Figure("person_signed_up", person, aim=">=1"),
        Figure("person_waited", waited, "s", aim="<=10"),
        Figure("page_median", reader.median * 1000, "ms"),
        Figure("page_longest", max(reader.seconds, default=0) * 1000, "ms"),
    ]


class Reader(threading.Thread):
    """Reads the published page three times per second, as long as the flood lasts."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.seconds = url, list[float]()
        self._finished = threading.Event()

    def __enter__(self) -> "Reader":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self.join()

    def run(self) -> None:
        while not self._finished.wait(0.3):
            begun = time.monotonic()
            fetch(urllib.request.Request(self.url + "/da/"))
            self.seconds.append(time.monotonic() - begun)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds or [0])


def flood(url: str, attempts: int) -> tuple[int, float]:
    """How many forms were not answered with 200, and for how many seconds the real person had to wait."""
    with ThreadPoolExecutor(64) as attackers:
        statuses = [attackers.submit(attempt, url, number) for number in range(attempts)]
        statuses[attempts // 2].result()
        begun = time.monotonic()
        person = sign_up(url, "person@example.dk", "198.51.100.7")
        waited = time.monotonic() - begun - FORM_OPEN
    return sum(status != HTTPStatus.OK for status in [person, *(one.result() for one in statuses)]), waited


def attempt(url: str, number: int) -> int:
    network = f"10.{number // 250 % 250}.{number % 250}.9"
    return sign_up(url, f"victim{number % VICTIMS}@example.dk", network)


def sign_up(url: str, address: str, sender: str) -> int:
    headers = {"X-Forwarded-For": sender, "X-Forwarded-Proto": "https"}
    found = _STAMP.search(fetch(urllib.request.Request(url + PATH, headers=headers))[1])
    assert found is not None
    time.sleep(FORM_OPEN)
    fields = {"address": address, "stamp": found[1], "wants_incidents": "on", "scope": "all"}
    body = urllib.parse.urlencode(fields).encode()
    return fetch(urllib.request.Request(url + PATH, body, headers))[0]


def fetch(request: urllib.request.Request) -> tuple[int, str]:
    """Status and text. A request that is answered with 503 is repeated, as a person would."""
    for _try in range(60):
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                return error.code, ""
            _busy.append(request.full_url)
        time.sleep(0.5)
    return int(HTTPStatus.SERVICE_UNAVAILABLE), ""


_COUNT = """
from django.db.models import Count
from django.utils import timezone
from incidents.models import Delivery
from incidents.subscriptions import limits, requests
requests.process_due(timezone.now())
counts = Delivery.objects.values("subscriber__address").annotate(n=Count("pk"))
rows = list(counts)
print(sum(one["n"] for one in rows), max(one["n"] for one in rows),
      sum(one["subscriber__address"] == "person@example.dk" for one in rows),
      len(limits.alarms(timezone.now())))
"""


def counted(environment: Environment) -> tuple[int, int, int, int]:
    """Messages in all, most messages to one address, messages to the real person, alarms."""
    counts = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", _COUNT],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return int(counts[0]), int(counts[1]), int(counts[2]), int(counts[3])
