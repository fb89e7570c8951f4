"""What readers and subscribers notice of attacks: the page's p99, and the time until the last good message.

Each attack runs beside readers who open a new connection for each request, half of them to
granian and half to nginx in front of it, while an update is published and its messages are
sent to good mailboxes and webhooks. Attackers use granian directly, except for the idle
connections. Their own processor time does not count: their processes yield to all others.
"""

import argparse
import multiprocessing
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.results import Figure, Missing, percentile
from benchmarks.support.attacks import ATTACKS, attacking
from benchmarks.support.product import (
    Environment,
    granian,
    manage_command,
    product_environment,
    scheduler_and_worker,
    shell,
    web_server,
)
from benchmarks.support.relay import Relay, relay
from benchmarks.support.webhook_hosts import GOOD, WICKED, WebhookHosts, webhook_hosts
from harness.nginx import NGINX, Nginx

SUBSCRIBERS, GOOD_WEBHOOKS, WICKED_WEBHOOKS = 100, 60, 40
READERS, PAUSE = 5, 0.1  # per server; each reader waits this many seconds between two requests
RAMP_UP = 3.0  # seconds from the begin of an attack to the update
PATIENCE = 60.0  # seconds; a request or message that takes longer counts as this long
AIM = "<=2"
UNDISTURBED, WEBHOOKS = "undisturbed", "wicked_webhooks"
GRANIAN, BEHIND_NGINX = "granian", "nginx"
ATTACKED = {"idle_connections": BEHIND_NGINX}  # the other attacks use granian

_FILL = """
from django.utils import timezone
from incidents.models import Subscriber
Subscriber.objects.all().delete()
active = {{"language": "da", "state": "active", "confirmed_at": timezone.now()}}
for number in range({subscribers}):
    Subscriber.new(f"reader{{number}}@host{{number % 10}}.example", **active).save()
for host, number_of in {hosts}:
    for number in range(number_of):
        owner = f"owner{{number}}@{{host}}.example"
        Subscriber.new(f"http://{{host}}:{port}/{{number}}", channel="webhook", owner=owner, **active).save()
"""
_WITHOUT_WICKED = """
from incidents.models import Delivery, Destination, Subscriber
wicked = Subscriber.objects.filter(address__contains="//{wicked}:")
Delivery.objects.filter(subscriber__in=wicked).delete()
wicked.update(state="{state}")
Destination.objects.all().delete()
"""
_PUBLISH = """
import time
from django.db import transaction
from incidents import operations
from incidents.operations import Statement
from incidents.staff.actors import command
from incidents.status import Impact, Phase
from incidents.text import Text
with transaction.atomic():
    title = Text(da="Mail kan ikke leveres", en="Mail cannot be delivered")
    statement = Statement(phase=Phase.IDENTIFIED, text=Text(da="Vi arbejder.", en="We work."), notify=True)
    details = {"title": title, "impact": Impact.MAJOR}
    operations.open_incident(details=details, statement=statement, by=command("benchmark"))
    transaction.on_commit(lambda: print(time.monotonic()))
"""


@dataclass
class Site:
    """The product that is attacked."""

    environment: Environment
    urls: dict[str, str]  # of granian and of nginx
    mail: Relay
    webhooks: WebhookHosts

    def attacked_port(self, attack: str) -> int:
        return int(self.urls[ATTACKED.get(attack, GRANIAN)].rpartition(":")[2])


@dataclass
class Seen:
    """Seconds that readers waited for a page, by server, and subscribers for the last good message of an update."""

    requests: dict[str, list[float]] = field(default_factory=lambda: {GRANIAN: [], BEHIND_NGINX: []})
    last_messages: list[float] = field(default_factory=list)


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15, help="of each attack")
    parser.add_argument("--only", nargs="+", choices=[*ATTACKS, WEBHOOKS], default=[*ATTACKS, WEBHOOKS])
    wanted = parser.parse_args(options)
    if not NGINX:
        raise Missing("nginx is missing (Debian: apt-get install nginx-light)")
    seen = {name: Seen() for name in (UNDISTURBED, *wanted.only)}
    with running_site() as site:
        for _ in range(wanted.rounds):
            for name, found in seen.items():
                measure(site, name, wanted.seconds, found)
    usual = seen[UNDISTURBED]
    figures = [Figure(f"{UNDISTURBED}_{server}_p99", _p99(one), "ms") for server, one in usual.requests.items()]
    return figures + [figure for name in wanted.only for figure in compared(name, seen[name], usual)]


@contextmanager
def running_site() -> Iterator[Site]:
    with ExitStack() as stack:
        mail, webhooks = stack.enter_context(relay()), stack.enter_context(webhook_hosts())
        variables = {"EMAIL_URL": f"smtp://127.0.0.1:{mail.port}", "WEBHOOK_NETWORKS": "127.0.0.0/8"}
        variables |= {"TRUSTED_PROXIES": "127.0.0.0/8", "ANNOUNCEMENT_HOLD": "1"}
        environment = stack.enter_context(product_environment(SAMPLE_DATA="1", **variables))
        hosts = [(GOOD, GOOD_WEBHOOKS), (WICKED, WICKED_WEBHOOKS)]
        shell(environment, _FILL.format(subscribers=SUBSCRIBERS, hosts=hosts, port=webhooks.port))
        web = stack.enter_context(web_server(granian(), environment))
        var, root = Path(environment["VAR_DIR"]), Path(environment["PUBLIC_ROOT"])
        port = int(web.url.rpartition(":")[2])
        nginx = stack.enter_context(Nginx(var / "nginx", public_root=root, var=var, application_port=port))
        stack.enter_context(manage_command(("rqworker", "posts", "--verbosity", "0"), environment))
        stack.enter_context(scheduler_and_worker(environment))
        yield Site(environment, {GRANIAN: web.url, BEHIND_NGINX: nginx.url}, mail, webhooks)


def measure(site: Site, name: str, seconds: float, seen: Seen) -> None:
    state = "active" if name == WEBHOOKS else "suspended"
    shell(site.environment, _WITHOUT_WICKED.format(wicked=WICKED, state=state))
    site.mail.reset()
    site.webhooks.reset()
    attack = attacking(name, site.attacked_port(name)) if name in ATTACKS else nullcontext()
    with attack:
        time.sleep(RAMP_UP)
        with readers(site.urls[GRANIAN]) as direct, readers(site.urls[BEHIND_NGINX]) as behind_nginx:
            begun = time.monotonic()
            committed = float(shell(site.environment, _PUBLISH).splitlines()[-1])
            seen.last_messages.append(last_good_message(site, committed) - committed)
            time.sleep(max(0.0, begun + seconds - time.monotonic()))
    seen.requests[GRANIAN] += direct
    seen.requests[BEHIND_NGINX] += behind_nginx


def last_good_message(site: Site, committed: float) -> float:
    while time.monotonic() < committed + PATIENCE:
        messages, posts = site.mail.accepted(), site.webhooks.good_posts()
        own = [at for at, recipient in messages if recipient.startswith("reader")]
        if len(own) >= SUBSCRIBERS and len(posts) >= GOOD_WEBHOOKS:
            return max(*own, *posts)
        time.sleep(0.1)
    return committed + PATIENCE


@contextmanager
def readers(url: str) -> Iterator[list[float]]:
    """Read the page in a process of its own while the block runs; then the list has the seconds of each request."""
    spawn = multiprocessing.get_context("spawn")
    own, its = spawn.Pipe()
    process = spawn.Process(target=_read, args=(its, f"{url}/da/"), daemon=True)
    process.start()
    own.recv()
    found: list[float] = []
    try:
        yield found
        own.send("stop")
        found += own.recv()
    finally:
        process.terminate()
        process.join(30)


def _read(commands: Connection, url: str) -> None:
    seconds, over = list[float](), threading.Event()

    def read() -> None:
        while not over.wait(PAUSE):
            begun = time.monotonic()
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                    response.read()
                seconds.append(time.monotonic() - begun)
            except OSError:
                seconds.append(PATIENCE)

    threads = [threading.Thread(target=read, daemon=True) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    commands.send("started")
    commands.recv()
    over.set()
    commands.send(list(seconds))


def compared(name: str, beside: Seen, before: Seen) -> Iterator[Figure]:
    for server, requests in beside.requests.items():
        yield Figure(f"{name}_{server}_failed", sum(one >= PATIENCE for one in requests), aim="<=0")
        yield Figure(f"{name}_{server}_p99", _p99(requests), "ms")
        yield Figure(f"{name}_{server}_p99_ratio", _p99(requests) / _p99(before.requests[server]), aim=AIM)
    last, usual = statistics.median(beside.last_messages), statistics.median(before.last_messages)
    yield Figure(f"{name}_last_message", last, "s")
    yield Figure(f"{name}_last_message_ratio", last / usual, aim=AIM)


def _p99(seconds: list[float]) -> float:
    # In milliseconds.
    return percentile(seconds, 99) * 1000
