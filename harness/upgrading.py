"""An upgrade under load: readers, sign-ups and staff use both releases in turn, as behind a proxy."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from harness.forms import FormClient
from harness.running_release import RunningRelease, environment
from harness.smtp_server import ScriptedServer
from harness.write_paths import ACCOUNT, Reader, Staff, accept

PAGES = ("/en/", "/da/", "/en/history/", "/en/feed.atom", "/en/search/?q=update", "/en/subscribe/")

_LEFT_OUT = re.compile(r"^(\d+) earlier updates? (?:is|are) on the page\.", re.MULTILINE)

PAUSE = 0.2  # seconds between two rounds of a user: the load is that of a busy hour, not of an attack


@dataclass
class Upgrade:
    """Two releases that share database, queue, mail server and public store."""

    old: RunningRelease
    new: RunningRelease
    mail: ScriptedServer

    def prepare(self, subscribers: int = 0) -> None:
        """Install the old release with the command of `make run`, which takes a fraction of the time of single ones."""
        self.old.run("-m", "statuspage.local.prepare_data")
        if subscribers:
            table = Path(self.old.folder, "subscribers.csv")
            lines = [f"{subscriber(number)},en" for number in range(subscribers)]
            table.write_text("\n".join(["email,language", *lines]))
            self.old.manage("import_subscribers", str(table), "--by", ACCOUNT["username"], "--consent", "Test")

    def migrate(self) -> None:
        """Do what docs/upgrade.md says before the processes of the new release start."""
        self.new.manage("check", "--database", "default")
        self.new.manage("migrate")
        self.new.manage("collectstatic", "--no-input")

    def servers(self) -> list[str]:
        """Return the web servers that a proxy would know."""
        return [release.url for release in (self.old, self.new) if "web" in release.processes]

    def recorded_as_sent(self) -> list[str]:
        """Return the Message-ID of each email that a worker has recorded as sent."""
        with psycopg.connect(self.new.environment["DATABASE_URL"]) as connection:
            sent = "SELECT message_id FROM incidents_delivery WHERE channel = 'email' AND state = 'sent'"
            return [message_id for (message_id,) in connection.execute(sent)]


def subscriber(number: int) -> str:
    return f"reader{number}@host{number % 50}.example"


@contextmanager
def two_releases(
    trees: Sequence[Path], folder: Path, *, database: str, queue: str, mail: ScriptedServer
) -> Iterator[Upgrade]:
    """Yield the releases of two folders of code, the older one first, that are not running yet."""
    shared = environment(folder, database=database, queue=queue, mail_port=mail.port)
    shared["DJANGO_SETTINGS_MODULE"] = "statuspage.settings"
    shared |= {"ADMIN_PASSWORD": ACCOUNT["password"], "SAMPLE_DATA": "0"}
    old, new = (RunningRelease(tree, folder / f"logs-{place}", shared) for place, tree in enumerate(trees))
    with old, new:
        yield Upgrade(old, new, mail)


@dataclass
class Load:
    """Everything that users do, over and over, until the end of a `with` block; `failures` are what they would see."""

    upgrade: Upgrade
    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._ended = threading.Event()
        staff = Staff(FormClient(self.upgrade.servers, "192.0.2.1"))
        staff.log_in()
        incident = staff.publish_incident("The load begins.")
        activities: dict[str, Callable[[int], None]] = {
            "reads": self._read,
            "sign-ups": self._sign_up,
            "updates": lambda number: self._post(staff, incident, number),
        }
        self._threads = [threading.Thread(target=self._repeat, args=one) for one in activities.items()]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, name: str, activity: Callable[[int], None]) -> None:
        for number in count():
            if self._ended.is_set():
                return
            try:
                activity(number)
            except (AssertionError, OSError) as error:
                self.failures.append(f"{name}: {error}")
            else:
                self.done[name] += 1
            self._ended.wait(PAUSE)

    def _read(self, number: int) -> None:
        client = FormClient(self.upgrade.servers, f"203.{number // 250 % 250}.{number % 250}.7")
        for path in PAGES:
            accept(client.get(path))

    def _sign_up(self, number: int) -> None:
        client = FormClient(self.upgrade.servers, f"198.{number // 250 % 250}.{number % 250}.7")
        reader = Reader(client, self.upgrade.mail, f"new{number}@customer{number}.example")
        reader.sign_up()
        self.confirmed.append(reader.address)

    def _post(self, staff: Staff, incident: str, number: int) -> None:
        words = f"This is update number {number}."
        staff.post_update(incident, words)
        self.posted.append(words)


class Arrivals:
    """Which subscribers know of which updates of the incident, and which messages they got.

    A late message supersedes earlier ones. It repeats the last of their texts, and says how many older updates the page
    has: the subscriber knows of those if the number is right.
    """

    def __init__(self, mail: ScriptedServer, posted: Sequence[str], subscribers: int) -> None:
        self._mail, self._posted = mail, posted
        self._missing = {(subscriber(number), words) for number in range(subscribers) for words in posted}
        self._seen = 0

    def missing(self) -> int:
        """Return of how many texts no message has arrived yet, over all subscribers. Each message is read once."""
        new = self._mail.received[self._seen :]
        self._seen += len(new)
        for one in new:
            self._missing -= {(one.recipient, words) for words in self._covered(one.text())}
        return len(self._missing)

    def _covered(self, text: str) -> Sequence[str]:
        repeated = [words for words in self._posted if words in text]
        found = _LEFT_OUT.search(text)
        if not (repeated and found):
            return repeated
        older = self._posted[: self._posted.index(repeated[0])]
        is_right = int(found[1]) == len(older) + 1  # and the update that opened the incident
        return [*older, *repeated] if is_right else repeated

    def lost(self, recorded: Collection[str]) -> int:
        """Return how many of the messages that are recorded as sent, by their Message-IDs, have not arrived."""
        return len(set(recorded) - set(self._message_ids()))

    def duplicates(self) -> int:
        copies = Counter(self._message_ids())
        return sum(copies.values()) - len(copies)

    def _message_ids(self) -> list[str]:
        return [one.message["Message-ID"] for one in self._mail.received]
