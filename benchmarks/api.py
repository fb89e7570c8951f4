"""How long programs wait for the API with 10,000 incidents: writes beyond the publishing, and a list.

Requests are sent over HTTP to the product's web server, one at a time. A write is answered once it is published, so
the server adds to each answer how long publishing took in that request (support/timed_site.py); the rest counts.
Django's processor time of the rest hardly depends on other work on the machine. The list of the newest hundred
incidents takes turns with the same list of a second product with 200 incidents.
"""

import argparse
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.results import Figure, percentile
from benchmarks.support.product import granian, product_environment, web_server
from statuspage.local.paths import ROOT

INCIDENTS, FEW = 10_000, 200
WARM_UP = 3  # rounds that fill caches of templates and connections
_A_TOKEN = 80  # requests: a token may send a hundred at once
_WRITES, _LISTS = 4, 3  # requests in a round
LISTS = {"list": "/incidents?limit=100", "last_page": "/incidents?limit=100&page={last}", "search": "/incidents?q=7"}


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks api")
    parser.add_argument("--incidents", type=int, default=INCIDENTS)
    parser.add_argument("--few", type=int, default=FEW, help="incidents of the other product")
    parser.add_argument("--rounds", type=int, default=60, help="requests of each kind; the 95th percentile counts")
    wanted = parser.parse_args(options)
    rounds = wanted.rounds + WARM_UP
    with ExitStack() as running:
        few, many = (running.enter_context(program(size, rounds)) for size in (wanted.few, wanted.incidents))
        lists = [(few.lists(), many.lists()) for _round in range(rounds)][WARM_UP:]
        writes = [many.writes(number) for number in range(rounds)][WARM_UP:]
    return [*_of_writes(writes), *_of_lists(lists)]


@dataclass(frozen=True)
class Request:
    """One request: what it took, what of that was publishing, and the processor time of the rest in Django, in ms."""

    total: float
    publishing: float
    processor: float

    @property
    def rest(self) -> float:
        return self.total - self.publishing


class Program:
    """Calls the API of one product, each time with a new connection: the web server closes idle ones."""

    def __init__(self, url: str, incidents: int, data: dict[str, Any]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._path, self._last = f"/api/v1/pages/{data['page']}", max(1, incidents // 100)
        self._components, self._tokens = data["components"], itertools.cycle(data["tokens"])

    def writes(self, number: int) -> dict[str, Request]:
        """Open an incident, update it, set the status of another component, and resolve the incident."""
        mail, other = self._components[number % len(self._components)], self._components[(number + 1) % 12]
        texts = {"body": "Vi leder.", "translations": {"en": {"name": "Requests are refused", "body": "We search."}}}
        opening = {"name": "Forespørgsler afvises", "components": {mail: "partial_outage"}, **texts}
        opened, incident = self._send("POST", "/incidents", {"incident": opening})
        one = f"/incidents/{incident['id']}"
        status = ("degraded_performance", "operational")[number % 2]
        changes = {
            "update": (one, {"incident": {"status": "identified", "body": "Fundet."}}),
            "component": (f"/components/{other}", {"component": {"status": status}}),
            "resolve": (one, {"incident": {"status": "resolved", "body": "Løst."}}),
        }
        sent = {name: self._send("PATCH", address, body)[0] for name, (address, body) in changes.items()}
        return {"open": opened, **sent}

    def lists(self) -> dict[str, Request]:
        return {name: self._send("GET", address.format(last=self._last))[0] for name, address in LISTS.items()}

    def _send(self, method: str, address: str, body: Any = None) -> tuple[Request, Any]:
        headers = {"Authorization": f"OAuth {next(self._tokens)}", "Content-Type": "application/json"}
        begun = time.perf_counter()
        self._connection.request(method, self._path + address, json.dumps(body) if body else None, headers)
        answer = self._connection.getresponse()
        found = answer.read()
        self._connection.close()
        took = 1_000 * (time.perf_counter() - begun)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {address}: {answer.status} {found.decode()}")
        timed = (float(answer.headers[name]) for name in ("X-Publishing", "X-Processor"))
        return Request(took, *timed), json.loads(found)


@contextmanager
def program(incidents: int, rounds: int) -> Iterator[Program]:
    tokens = 1 + rounds * (_WRITES + _LISTS) // _A_TOKEN
    command = [sys.executable, "-m", "benchmarks.support.api_data", str(incidents), str(tokens)]
    with product_environment(SAMPLE_DATA="0") as environment:
        output = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
        with web_server(granian("benchmarks.support.timed_site:application"), environment) as site:
            yield Program(site.url, incidents, json.loads(output))


def _of_writes(rounds: list[dict[str, Request]]) -> Iterator[Figure]:
    for name in rounds[0]:
        found = [one[name] for one in rounds]
        yield Figure(f"{name}_without_publishing_p95", percentile([one.rest for one in found], 95), "ms", "<=50")
        yield Figure(f"{name}_without_publishing_p50", statistics.median(one.rest for one in found), "ms")
        yield Figure(f"{name}_processor_p50", statistics.median(one.processor for one in found), "ms")
        yield Figure(f"{name}_p95", percentile([one.total for one in found], 95), "ms")


def _of_lists(rounds: list[tuple[dict[str, Request], dict[str, Request]]]) -> Iterator[Figure]:
    for name in LISTS:
        few, many = (statistics.median(one[place][name].total for one in rounds) for place in (0, 1))
        yield Figure(f"{name}_p50", many, "ms")
        yield Figure(f"{name}_processor_p50", statistics.median(one[1][name].processor for one in rounds), "ms")
        yield Figure(f"{name}_ratio", many / few, aim="<=1.5" if name == "list" else "")
