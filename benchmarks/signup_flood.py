"""10,000 requests to 500 mailboxes through all public forms, while one real person signs up.

The attacker uses four forms and five spellings of each address, and another network for
each request; fetches a new form for each attempt and waits until it may be sent. Headers,
as a trusted proxy sets them, name the network. Half of the mailboxes are subscribed
already. Scheduler, worker and mail server run as in production; the person opens the
link in the email that arrives.
"""

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO

from benchmarks.results import Figure
from benchmarks.support.product import granian, product_environment, scheduler_and_worker, shell, web_server
from harness.smtp_server import Received, ScriptedServer

VICTIMS = 500
ATTACKERS = 100
FORM_OPEN = 2.1  # seconds; forms that are sent sooner are refused
PATIENCE = 120  # seconds for the person's email, and for what is left after the flood
PERSON = "person@example.dk"
VARIANTS: tuple[Callable[[str, int], str], ...] = (
    lambda name, _number: f"{name}@example.dk",
    lambda name, _number: f"{name.upper()}@Example.DK",
    lambda name, number: f"{name}+{number}@example.dk",
    lambda name, _number: f"{full_width(name)}＠example.dk",
    lambda name, _number: f"{name.replace('i', 'ı')}@example.dk",
)
DOTLESS = 4  # the variant that cannot be written to: the only one that may be refused
_STAMP = re.compile(r'name="stamp" value="([^"]+)"')
_CONFIRM = re.compile(r"https?://[^\s\"<>]+(/da/subscription/confirm/[^\s\"<>]+)")
_ERROR = re.compile(r" (ERROR|CRITICAL) |^\w*Error")
_ALARM = "Sign-ups: "  # how each alarm begins
_ANSWERED = (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY)
_busy: list[str] = []

_FILL = """
from django.utils import timezone
from incidents.models import Incident, Subscriber
for number in range(0, {victims}, 2):
    Subscriber.new(
        f"victim{{number}}@example.dk", language="da", state="active", confirmed_at=timezone.now()
    ).save()
print(next(one.pk for one in Incident.objects.public() if not one.is_over))
"""

# Prints whether the person's subscription is active, once the workers have nothing left to do.
_FINISH = """
import time
from incidents.models import Delivery, Subscriber, SubscriptionRequest
end = time.monotonic() + {patience}
while SubscriptionRequest.objects.exists() or Delivery.objects.waiting().exists():
    assert time.monotonic() < end, "The workers did not finish."
    time.sleep(0.2)
print(Subscriber.objects.active().by_mail("{person}").count())
"""


@dataclass(frozen=True)
class Person:
    """Seconds from sending the form until the email arrived, and until the link was used; and the last status."""

    mail_after: float
    confirmed_after: float
    status: int


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks signup_flood")
    parser.add_argument("--attempts", type=int, default=10_000)
    wanted = parser.parse_args(options)
    with ScriptedServer() as mail_server, tempfile.TemporaryFile("w+") as log:
        found = measured(wanted.attempts, mail_server, log)
        log.seek(0)
        return [*found, *figures_of_mailboxes(mail_server), *figures_of_log(log.read().splitlines())]


def measured(attempts: int, mail_server: ScriptedServer, log: IO[str]) -> list[Figure]:
    url = f"smtp://127.0.0.1:{mail_server.port}"
    with product_environment(SAMPLE_DATA="1", TRUSTED_PROXIES="127.0.0.1", EMAIL_URL=url) as place:
        incident = shell(place, _FILL.format(victims=VICTIMS))
        application = granian()
        with web_server(application, place, log=log) as site, scheduler_and_worker(place, log=log):
            begun = time.monotonic()
            with Reader(site.url) as reader:
                statuses, person = flood(Attack(site.url, incident), mail_server, attempts)
            seconds = time.monotonic() - begun
            confirmed = int(shell(place, _FINISH.format(patience=PATIENCE, person=PERSON)))
    return [
        Figure("attempts", attempts),
        Figure("attempts_per_second", attempts / seconds, "/s"),
        Figure("refused_forms", sum(statuses[status] for status in statuses if status not in _ANSWERED), aim="<=0"),
        Figure("unwritable_variants", statuses[HTTPStatus.UNPROCESSABLE_ENTITY]),
        Figure("busy_responses", len(_busy)),
        Figure("person_mail_after", person.mail_after, "s"),
        Figure("person_confirmed_after", person.confirmed_after, "s", "<=60"),
        Figure("person_is_subscribed", confirmed * (person.status == HTTPStatus.OK), aim="1..1"),
        Figure("page_median", reader.median * 1000, "ms"),
        Figure("page_longest", max(reader.seconds, default=0) * 1000, "ms"),
    ]


def figures_of_mailboxes(mail_server: ScriptedServer) -> list[Figure]:
    numbers = Counter(mailbox(one.recipient) for one in mail_server.received)
    to_person = numbers.pop(PERSON, 0)
    return [
        Figure("messages_to_person", to_person, aim="1..1"),
        Figure("messages", numbers.total(), aim=f"<={VICTIMS}"),
        Figure("most_to_one_mailbox", max(numbers.values(), default=0), aim="<=1"),
    ]


def figures_of_log(lines: list[str]) -> list[Figure]:
    """Alarms, and errors, which are printed."""
    errors = [line for line in lines if _ERROR.search(line) and _ALARM not in line]
    sys.stderr.write("".join(f"{line}\n" for line in errors))
    return [
        Figure("alarms", sum(_ALARM in line for line in lines), aim="1..1"),
        Figure("errors", len(errors), aim="<=0"),
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


class Attack:
    """The forms of one site."""

    def __init__(self, url: str, incident: str) -> None:
        self.url = url
        self.paths = ("/da/subscribe/", f"/da/subscribe/{incident}/", "/da/subscription/", "/da/subscribe/webhook/")

    def attempt(self, number: int) -> int:
        """Send one form. In 10,000 attempts, each mailbox has each of the 20 pairs of form and spelling."""
        round_number, victim = divmod(number, VICTIMS)
        path = self.paths[(victim + round_number) % len(self.paths)]
        variant = (victim // len(self.paths) + round_number // len(self.paths)) % len(VARIANTS)
        address = VARIANTS[variant](f"victim{victim}", number)
        status = self.submit(path, address, f"10.{number // 250 % 250}.{number % 250}.9")
        is_refused_rightly = status == HTTPStatus.UNPROCESSABLE_ENTITY and variant == DOTLESS
        return status if status == HTTPStatus.OK or is_refused_rightly else -status

    def submit(self, path: str, address: str, sender: str) -> int:
        headers = {"X-Forwarded-For": sender, "X-Forwarded-Proto": "https"}
        found = _STAMP.search(fetch(urllib.request.Request(self.url + path, headers=headers))[1])
        time.sleep(FORM_OPEN)
        fields = {"address": address, "wants_incidents": "on", "scope": "all", "url": "https://hooks.example.com/1"}
        body = urllib.parse.urlencode({**fields, "stamp": found[1] if found else ""}).encode()
        return fetch(urllib.request.Request(self.url + path, body, headers))[0]

    def sign_up(self, mail_server: ScriptedServer) -> Person:
        """Sign up as the real person does, who opens the link in the email and presses the button."""
        status = self.submit(self.paths[0], PERSON, "198.51.100.7")
        sent = time.monotonic()
        if status != HTTPStatus.OK:
            return Person(PATIENCE, PATIENCE, status)
        message = wait_for_message(mail_server, sent + PATIENCE)
        arrived = time.monotonic()
        link = _CONFIRM.search(message.text()) if message else None
        status = fetch(urllib.request.Request(self.url + link[1], b""))[0] if link else 0
        return Person(arrived - sent, time.monotonic() - sent, status)


def flood(attack: Attack, mail_server: ScriptedServer, attempts: int) -> tuple[Counter[int], Person]:
    """Return the statuses of all attempts, negative where a form was refused that should not be, and the person."""
    with ThreadPoolExecutor(ATTACKERS) as attackers:
        statuses = [attackers.submit(attack.attempt, number) for number in range(attempts)]
        statuses[attempts // 2].result()
        person = attack.sign_up(mail_server)
    return Counter(one.result() for one in statuses), person


def wait_for_message(mail_server: ScriptedServer, deadline: float) -> Received | None:
    while time.monotonic() < deadline:
        if found := mail_server.to(PERSON):
            return found[0]
        time.sleep(0.05)
    return None


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


def full_width(text: str) -> str:
    return "".join(chr(ord(char) - ord("!") + ord("！")) for char in text)


def mailbox(address: str) -> str:
    """The mailbox of an address on a message: lower case, and without what follows a plus."""
    local, _at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
