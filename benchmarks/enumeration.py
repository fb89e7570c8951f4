"""Whether response times reveal who subscribes: every form, over HTTP, with a worker.

Each address is sent once, and the kinds of address take turns in random order, so that
other work on the machine affects all of them alike. A figure is the share of pairs in
which the known address took longer than the unknown one (the common language effect
size): 0.5 reveals nothing.
"""

import argparse
import http.client
import itertools
import random
import re
import time
import urllib.parse
from collections.abc import Iterator, Sequence

from tqdm import tqdm

from benchmarks.results import Figure
from benchmarks.support.product import (
    WORKER,
    Environment,
    granian,
    manage_command,
    product_environment,
    shell,
    web_server,
)

KINDS = ("unknown", "pending", "active", "suspended", "unsubscribed", "erased")
FORMS = {
    "subscribe": "/da/subscribe/",
    "manage": "/da/subscription/",
    "follow": "/da/subscribe/{incident}/",
    "webhook": "/da/subscribe/webhook/",
}
FORM_OPEN = 2.1  # seconds; forms that are sent sooner are refused
WARM_UP = 10  # rounds that are not counted
AIM = "0.4..0.6"
_STAMP = re.compile(r'name="stamp" value="([^"]+)"')

_FILL = """
from django.utils import timezone
from incidents.models import Incident, Subscriber
from incidents.subscriptions import service
for kind in {kinds}:
    state = "active" if kind == "erased" else kind
    confirmed = None if state == "pending" else timezone.now()
    for name in ("subscribe", "manage", "follow"):
        for number in range({rounds}):
            one = Subscriber.new(
                f"{name}.{kind}{number}@example.dk", state=state, confirmed_at=confirmed, language="da"
            )
            one.save()
            if kind == "erased":
                service.erase(subscriber=one)
    for number in range({rounds}):
        one = Subscriber.new(
            f"https://hooks.example.com/{kind}{number}", channel="webhook", state=state, language="da",
            confirmed_at=confirmed, owner=f"webhook.{kind}{number}@example.dk",
        )
        one.save()
        if kind == "erased":
            service.erase(subscriber=one)
print(next(one.pk for one in Incident.objects.public() if not one.is_over))
"""

# All forms together cause more messages than may be sent at once. Requests that wait would count for the next form.
_FORGET_LIMITS = """
import time
from incidents.models import RateLimit, RequestedMessage, SubscriptionRequest
while SubscriptionRequest.objects.filter(attempts=0).exists():
    time.sleep(0.2)
RateLimit.objects.all().delete()
RequestedMessage.objects.all().delete()
"""


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks enumeration")
    parser.add_argument("--rounds", type=int, default=300, help="addresses of each kind for each form")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    wanted = parser.parse_args(options)
    rounds = wanted.rounds + WARM_UP
    with product_environment(SAMPLE_DATA="1", TRUSTED_PROXIES="127.0.0.1") as environment:
        incident = fill(environment, rounds)
        with (
            web_server(granian(), environment) as site,
            manage_command(WORKER, environment),
        ):
            client = Client(site.url)
            found = list[Figure]()
            for form in wanted.forms:
                shell(environment, _FORGET_LIMITS)
                found += measured(client, form, FORMS[form].format(incident=incident), rounds)
            return found


def measured(client: "Client", form: str, path: str, rounds: int) -> Iterator[Figure]:
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    stamps = client.stamps(path, rounds * len(KINDS)) if form != "manage" else itertools.repeat("")
    time.sleep(FORM_OPEN)
    chance = random.Random(form)
    for number in tqdm(range(rounds), desc=form, unit="round"):
        for kind in chance.sample(KINDS, len(KINDS)):
            seconds = client.send(path, fields(form, f"{kind}{number}", next(stamps)))
            if number >= WARM_UP:
                took[kind].append(seconds)
    yield Figure(f"{form}_median", sorted(took["unknown"])[len(took["unknown"]) // 2] * 1000, "ms")
    for kind in KINDS[1:]:
        yield Figure(f"{form}_{kind}", slower(took[kind], took["unknown"]), aim=AIM)


def slower(one: Sequence[float], other: Sequence[float]) -> float:
    """The share of pairs in which `one` is larger."""
    return sum(a > b for a in one for b in other) / (len(one) * len(other))


def fields(form: str, name: str, stamp: str) -> dict[str, str]:
    chosen = {"address": f"{form}.{name}@example.dk", "wants_incidents": "on", "scope": "all", "stamp": stamp}
    return {**chosen, "url": f"https://hooks.example.com/{name}"} if form == "webhook" else chosen


class Client:
    """One connection. Each request comes from another network, according to the header that a proxy sets."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.numbers = itertools.count()

    def stamps(self, path: str, count: int) -> Iterator[str]:
        """The stamp of a new form for each request; all forms are fetched before the first one is sent."""
        pages = [self.request("GET", path)[0] for _number in tqdm(range(count), desc="forms", unit="form")]
        return iter([found[1] for page in pages if (found := _STAMP.search(page))])

    def send(self, path: str, typed: dict[str, str]) -> float:
        """How many seconds the response took."""
        return self.request("POST", path, urllib.parse.urlencode(typed))[1]

    def request(self, method: str, path: str, body: str = "") -> tuple[str, float]:
        number = next(self.numbers)
        headers = {"X-Forwarded-For": f"10.{number // 250 % 250}.{number % 250}.9", "X-Forwarded-Proto": "https"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        begun = time.perf_counter()
        self.connection.request(method, path, body or None, headers)
        response = self.connection.getresponse()
        page = response.read().decode()
        seconds = time.perf_counter() - begun
        assert response.status == 200, f"{method} {path}: {response.status}"
        return page, seconds


def fill(environment: Environment, rounds: int) -> str:
    """Create subscribers of each kind, and return the id of an incident that can be followed."""
    script = _FILL.replace("{kinds}", repr(KINDS[1:])).replace("{rounds}", str(rounds))
    return shell(environment, script)
