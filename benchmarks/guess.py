"""1,000 wrong passwords for one account from 50 networks, while its owner logs in from elsewhere.

Eight attackers send them at once, half of them after the owner has begun. Headers, as a
trusted proxy sets them, name the network. Afterwards it is measured whether response
times reveal that an account exists, from networks that have not sent any request.
"""

import argparse
import http.client
import random
import re
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import cycle, islice

from tqdm import tqdm

from benchmarks.results import Figure
from benchmarks.support.product import granian, product_environment, shell, web_server

ATTACKERS = 8
OWNER, PASSWORD = "karen", "a right password 25"
PATH = "/admin/login/?next=/admin/"
WARM_UP = 5  # rounds that are not counted
WRONG, REFUSED = "Please enter the correct username", "Too many attempts to log in"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

_FILL = f"""
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("{OWNER}", password="{PASSWORD}")
"""


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks guess")
    parser.add_argument("--attempts", type=int, default=1_000)
    parser.add_argument("--networks", type=int, default=50, help="from which they come")
    parser.add_argument("--rounds", type=int, default=100, help="log-ins of each kind whose times are compared")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0", TRUSTED_PROXIES="127.0.0.1") as environment:
        shell(environment, _FILL)
        with web_server(granian(), environment) as site:
            return [*guessed(site.url, wanted.attempts, wanted.networks), *compared(site.url, wanted.rounds)]


def guessed(url: str, attempts: int, number_of_networks: int) -> list[Figure]:
    """How many guesses are evaluated from each network, and how long the owner waits at the same time."""
    networks = [f"10.0.{number}.1" for number in range(number_of_networks)]
    evaluated: Counter[str] = Counter()
    with ThreadPoolExecutor(ATTACKERS) as pool:
        senders = islice(cycle(networks), attempts)
        guesses = [pool.submit(guess, url, network) for network in islice(senders, attempts // 2)]
        owner = ThreadPoolExecutor(1).submit(log_in_as_owner, url)
        guesses += [pool.submit(guess, url, network) for network in senders]
        answers = [answer.result() for answer in tqdm(guesses, desc="guesses", unit="guess")]
    evaluated.update(network for network, answer in answers if answer == WRONG)
    unanswered = [answer for _network, answer in answers if answer not in (WRONG, REFUSED)]
    return [
        Figure("attempts", len(answers), aim=f"{attempts}..{attempts}"),
        Figure("unanswered", len(unanswered), aim="<=0"),
        Figure("evaluated", evaluated.total()),
        Figure("most_evaluated_from_one_network", max(evaluated.values()), aim="<=20"),
        Figure("owner_waits", owner.result(), "s", "<=10"),
    ]


def compared(url: str, rounds: int) -> list[Figure]:
    """The share of pairs in which a log-in with a known name took longer than one with an unknown name."""
    took: dict[str, list[float]] = {OWNER: [], "nobody": []}
    chance = random.Random(1)
    for number in tqdm(range(rounds + WARM_UP), desc="times", unit="round"):
        for name in chance.sample(list(took), len(took)):
            client = Client(url, f"10.1.{number}.1")
            assert client.open()
            begun = time.perf_counter()
            client.send(name, "wrong")
            if number >= WARM_UP:
                took[name].append(time.perf_counter() - begun)
    known, unknown = took[OWNER], took["nobody"]
    longer = sum(one > other for one in known for other in unknown) / (len(known) * len(unknown))
    return [
        Figure("wrong_median", sorted(known)[len(known) // 2] * 1000, "ms"),
        Figure("known_name_takes_longer", longer, aim="0.4..0.6"),
    ]


def guess(url: str, network: str) -> tuple[str, str]:
    """The network, and what the answer says."""
    client = Client(url, network)
    if not client.open():
        return network, "no form"
    _status, page = client.send(OWNER, "wrong")
    return network, next((sentence for sentence in (WRONG, REFUSED) if sentence in page), "")


def log_in_as_owner(url: str) -> float:
    """Seconds that it takes to open the form and log in."""
    begun = time.perf_counter()
    client = Client(url, "192.0.2.7")
    assert client.open()
    status, page = client.send(OWNER, PASSWORD)
    assert status == HTTPStatus.FOUND, page
    return time.perf_counter() - begun


class Client:
    """A browser on the log-in page, whose requests come from `network`, according to the header of a proxy."""

    def __init__(self, url: str, network: str) -> None:
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)
        self.headers = {"X-Forwarded-For": network, "Accept-Language": "en"}
        self.token = ""

    def open(self) -> bool:
        """Open the form; return whether there is one."""
        answer = self._request("GET")
        found = _TOKEN.search(answer.read().decode())
        if found is None:
            return False
        self.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
        self.token = found[1]
        return True

    def send(self, name: str, password: str) -> tuple[int, str]:
        """The status and the text of the answer."""
        typed = {"username": name, "password": password, "csrfmiddlewaretoken": self.token}
        self.headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._request("POST", urllib.parse.urlencode(typed))
        page = answer.read().decode()
        self.connection.close()
        return answer.status, page

    def _request(self, method: str, body: str | None = None) -> http.client.HTTPResponse:
        self.connection.request(method, PATH, body, self.headers)
        return self.connection.getresponse()
