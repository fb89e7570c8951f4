"""Whether readers, subscribers and staff notice that any process is killed or stopped again and again.

Web server, workers, scheduler, PostgreSQL and Valkey are killed with SIGKILL or stopped in the ordinary way, one
every few seconds, and started again after two seconds, as systemd does. At the same time published addresses are
read through nginx, an update is posted every two seconds, people sign up, and every three minutes an update is sent
to all subscribers.
"""

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.results import Figure, Missing
from benchmarks.support.product import family
from benchmarks.support.soak_users import Counted, Published, Users
from benchmarks.support.webhook_hosts import WebhookHosts, webhook_hosts
from harness import units
from harness.nginx import NGINX, Nginx
from harness.running_release import RunningRelease, environment
from harness.smtp_server import ScriptedServer
from statuspage.local.paths import ROOT
from statuspage.local.server import LocalServer
from statuspage.local.servers import Servers

CONNECTIONS = 20  # to the mail server, per worker
RESTART = 2.0  # seconds
BETWEEN = (8.0, 16.0)  # seconds between two disturbances
UPDATE_EVERY, FAN_OUT_EVERY = 2.0, 180.0
QUIET = 60.0  # seconds without disturbance at the end of the load
LAST = 60.0  # seconds after the load in which all deliveries must have ended
LONG = 100  # samples of memory; in a shorter run, caches are still being filled
WEBHOOKS = 20
DATABASE, QUEUE = "PostgreSQL", "Valkey"


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the disturbances")
    wanted = parser.parse_args(options)
    if not NGINX:
        raise Missing("nginx is not installed (Debian: apt-get install nginx-light)")
    print(f"The disturbances have the seed {wanted.seed}.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statuspage-bench-")))
        folder.chmod(0o755)  # the users of PostgreSQL and nginx must be able to enter
        hosts = stack.enter_context(webhook_hosts())
        mail = stack.enter_context(ScriptedServer(received=Counted()))
        urls: dict[str, str] = {}
        # Lasting, because data that are not are written in a way that survives no crash.
        servers = stack.enter_context(Servers(folder, urls))
        product = stack.enter_context(_product(folder, urls, mail.port))
        nginx = Nginx(folder / "nginx", public_root=folder / "public", var=folder, application_port=product.port)
        stack.enter_context(nginx)
        soak = Soak(product, servers.running, mail, hosts, random.Random(wanted.seed))
        return soak.measure(nginx.url, wanted.minutes * 60, wanted.subscribers)


@contextmanager
def _product(folder: Path, urls: dict[str, str], mail_port: int) -> Iterator[RunningRelease]:
    variables = environment(
        folder, database=urls["DATABASE_URL"], queue=urls["REDIS_URL"], mail_port=mail_port,
        EMAIL_CONNECTIONS=str(CONNECTIONS), LOG_LEVEL="ERROR", SAMPLE_DATA="0",
        DJANGO_SETTINGS_MODULE="statuspage.settings",
    )  # fmt: skip
    with RunningRelease(ROOT, folder / "logs", variables) as product:
        product.run("-m", "statuspage.local.prepare_data")
        yield product
        product.stop()


class Staff:
    """Posts updates in a process that is not disturbed."""

    def __init__(self, variables: dict[str, str], published: Published) -> None:
        command = [sys.executable, "-m", "benchmarks.support.soak_staff"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._published, self._numbers = published, itertools.count(1)
        self._answer()
        self.posted: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def ask(self, *words: object) -> dict[str, Any]:
        assert self._process.stdin
        print(*words, file=self._process.stdin, flush=True)
        return self._answer()

    def post(self, kind: str) -> None:
        number = next(self._numbers)
        answer = self.ask(kind, number)
        if "done" in answer:
            self._published.add(number)
            self.posted[kind] += 1
        else:
            self.failed[kind] += 1

    def post_all(self, over: threading.Event) -> None:
        """Post an update every two seconds, and every three minutes one that notifies."""
        began, fan_outs = time.monotonic(), 0
        while not over.wait(max(0.0, UPDATE_EVERY - time.monotonic() % UPDATE_EVERY)):
            if time.monotonic() - began >= fan_outs * FAN_OUT_EVERY:
                failed = self.failed["fan_out"]
                self.post("fan_out")
                fan_outs += self.failed["fan_out"] == failed  # otherwise staff try again
            else:
                self.post("update")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@dataclass
class Soak:
    product: RunningRelease
    servers: list[LocalServer]
    mail: ScriptedServer
    hosts: WebhookHosts
    random: random.Random
    disturbances: Counter[str] = field(default_factory=Counter)
    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _due: dict[str, float] = field(default_factory=dict)

    def measure(self, url: str, seconds: float, subscribers: int) -> list[Figure]:
        published, over = Published(), threading.Event()
        staff = Staff(self.product.environment, published)
        staff.ask("prepare", subscribers, WEBHOOKS, self.hosts.port)
        self.product.manage("publish", "--all", "--verbosity", "0")
        staff.post("update")
        self.product.start()
        with Users(url, self.product.url, self.mail, published) as users:
            posting = threading.Thread(target=staff.post_all, args=(over,))
            posting.start()
            self._disturb(seconds)
            over.set()
            posting.join()
        ended, outcome = self._wait_for_deliveries(staff)
        staff.close()
        return [*_readers(users), *_staff(staff, users), *self._deliveries(outcome, ended), *self._processes()]

    def _disturb(self, seconds: float) -> None:
        # In the thread that starts processes: on Linux, they end with it.
        begun = time.monotonic()
        following, sampled = begun + self.random.uniform(*BETWEEN), begun
        with tqdm(total=int(seconds), unit="s", desc="soak") as bar:
            while (passed := time.monotonic() - begun) < seconds:
                bar.update(int(passed) - bar.n)
                time.sleep(0.2)
                self._restart_ended()
                if time.monotonic() >= following and passed < seconds - QUIET:
                    bar.set_postfix_str(self._disturb_one())
                    following = time.monotonic() + self.random.uniform(*BETWEEN)
                if time.monotonic() - sampled > 5:
                    sampled = time.monotonic()
                    self._sample_memory()

    def _disturb_one(self) -> str:
        name = self.random.choice([*units.SERVICES, *units.SERVICES, "worker", DATABASE, QUEUE])
        if name in self._due:
            return f"{name} is down"
        how = self.random.choice(["kill", "stop"])
        self.disturbances[f"{how} {name}"] += 1
        server = self._server(name)
        process = server.process if server else self.product.processes[name]
        assert process
        if how == "kill":
            for pid in list(family(process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            process.send_signal(server.stop_signal if server else signal.SIGTERM)
        return f"{how} {name}"

    def _restart_ended(self) -> None:
        now = time.monotonic()
        processes = {name: process for name, process in self.product.processes.items() if name not in self._due}
        for name, process in processes.items():
            if process.poll() is not None:
                self._due[name] = now + RESTART
        for server in self.servers:
            if server.name not in self._due and not server.alive():
                self._due[server.name] = now + RESTART
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            self._start(name)

    def _start(self, name: str) -> None:
        if server := self._server(name):
            server.start()
        else:
            self.product.start(name)

    def _server(self, name: str) -> LocalServer | None:
        return next((one for one in self.servers if one.name == name), None)

    def _sample_memory(self) -> None:
        for name, process in self.product.processes.items():
            if name not in self._due:
                self.memory[name].append(sum(_resident(pid) for pid in family(process.pid)))

    def _wait_for_deliveries(self, staff: Staff) -> tuple[float, dict[str, Any]]:
        """Return how long it took until all had ended, and what became of them."""
        begun = time.monotonic()
        while True:
            outcome = staff.ask("deliveries")
            passed = time.monotonic() - begun
            if outcome["unfinished"] == 0 or passed > LAST * 5:
                return passed, outcome
            time.sleep(1)

    def _deliveries(self, outcome: dict[str, Any], ended: float) -> list[Figure]:
        assert isinstance(self.mail.received, Counted)
        copies = self.mail.received.copies
        sent = {(address, message_id) for address, message_id in outcome["sent"]}
        kills = sum(number for what, number in self.disturbances.items() if what in {"kill worker", f"kill {DATABASE}"})
        return [
            Figure("deliveries_sent", len(sent)),
            Figure("deliveries_missed", len(sent - set(copies)), aim="<=0"),
            Figure("deliveries_failed", outcome["failed"], aim="<=0"),
            Figure("deliveries_unfinished", outcome["unfinished"], aim="<=0"),
            Figure("seconds_until_all_ended", ended, "s", f"<={LAST:.0f}"),
            Figure("duplicates", copies.total() - len(copies), aim=f"<={CONNECTIONS * kills}"),
            Figure("posts_missed", max(0, outcome["posts"] - len(self.hosts.good_posts())), aim="<=0"),
        ]

    def _processes(self) -> list[Figure]:
        print(*(f"{number} × {what}" for what, number in sorted(self.disturbances.items())), sep=", ")
        killed = sum(number for what, number in self.disturbances.items() if what.startswith("kill"))
        return [
            Figure("kills", killed),
            Figure("stops", self.disturbances.total() - killed),
            *(_growth(name, seen) for name, seen in self.memory.items()),
            *(Figure(f"memory_most_{name}", max(seen), "MB") for name, seen in self.memory.items()),
        ]


def _readers(users: Users) -> list[Figure]:
    for one in users.addresses:
        for wrong in one.wrong[:5]:
            print(f"{one.path}: {wrong}")
    return [
        Figure("reads", sum(one.reads for one in users.addresses)),
        Figure("wrong_or_older", sum(len(one.wrong) for one in users.addresses), aim="<=0"),
        Figure("reads_refused", sum(one.refused for one in users.addresses), aim="<=0"),
        Figure("oldest_read", max(one.oldest for one in users.addresses), "s"),
    ]


def _staff(staff: Staff, users: Users) -> list[Figure]:
    for refusal in users.lost_sign_ups[:5]:
        print(f"Sign-up: {refusal[:300]}")
    return [
        *(Figure(f"{kind}s", number) for kind, number in staff.posted.items()),
        Figure("posts_that_failed", staff.failed.total()),
        Figure("sign_ups", len(users.signed_up)),
        Figure("sign_ups_lost", len(users.lost_sign_ups), aim="<=0"),
    ]


def _resident(pid: int) -> float:
    """Return megabytes; 0 for a process that has ended."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def _growth(name: str, seen: list[float]) -> Figure:
    """Compare the most of the last third with the most of the second one; in the first one, caches are filled.

    Not averages: processes of different ages are sampled, and young ones are small.
    """
    third = len(seen) // 3
    growth = max(seen[-third:]) / max(seen[third : 2 * third]) if third else 1.0
    return Figure(f"memory_growth_{name}", growth, aim="<=1.15" if len(seen) >= LONG else "")
