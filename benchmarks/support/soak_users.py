"""What users do during a soak: readers, people who sign up, and the mail server that counts what it gets."""

import http.client
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.forms import FormClient
from harness.smtp_server import Received, ScriptedServer
from harness.write_paths import Reader

ANNOUNCED = re.compile(r"reader\d+@host\d+\.example")  # the subscribers that `soak_staff prepare` creates
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(<[^>]+>)")
_NUMBER = re.compile(r"soak-(\d+)-")
_ENDS = {"/da/": "</html>", "/en/": "</html>", "/en/feed.atom": "</feed>", "/api/v2/summary.json": "}"}
READ_PAUSE = 0.02  # seconds
SIGN_UP_PAUSE = 5.0
PATIENCE = 150.0  # seconds in which somebody tries again


class Counted(list[Received]):
    """The messages of a mail server. Those to many subscribers are counted only: there are too many to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: Counter[tuple[str, str]] = Counter()  # by recipient and Message-ID

    def append(self, one: Received) -> None:
        found = _MESSAGE_ID.search(one.content)
        self.copies[one.recipient, found[1].decode() if found else ""] += 1
        if not ANNOUNCED.fullmatch(one.recipient):
            super().append(one)


@dataclass
class Address:
    """A published address, and the newest update that a reader has seen there."""

    path: str
    newest: int = 0
    reads: int = 0
    refused: int = 0  # no connection, or one that broke: nothing wrong was answered
    wrong: list[str] = field(default_factory=list)
    oldest: float = 0.0  # seconds for which an update that staff saw published was not served


class Published:
    """When staff were told that an update is published, by its number."""

    def __init__(self) -> None:
        self._moments: dict[int, float] = {}

    def add(self, number: int) -> None:
        self._moments[number] = time.monotonic()

    def age_of(self, number: int, asked: float) -> float:
        """Return for how long before `asked` a newer update than this one had been published."""
        newer = [at for one, at in list(self._moments.items())[-200:] if one > number and at < asked]
        return asked - min(newer) if newer else 0.0


class Users:
    """Threads that go on until the end of a `with` block."""

    def __init__(self, published_url: str, forms_url: str, mail: ScriptedServer, published: Published) -> None:
        self.addresses = [Address(path) for path in _ENDS]
        self.signed_up: list[str] = []
        self.lost_sign_ups: list[str] = []
        self._host = published_url.removeprefix("http://")
        self._forms_url, self._mail, self._published = forms_url, mail, published
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(one,)) for one in self.addresses]
        self._threads.append(threading.Thread(target=self._sign_up))

    def __enter__(self) -> "Users":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _read(self, one: Address) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        while not self._over.wait(READ_PAUSE):
            asked = time.monotonic()
            try:
                connection.request("GET", one.path)
                answer = connection.getresponse()
                self._check(one, asked, answer.status, answer.read().decode())
            except (OSError, http.client.HTTPException):
                one.refused += 1
                connection.close()

    def _check(self, one: Address, asked: float, status: int, body: str) -> None:
        one.reads += 1
        if status != 200 or not body.rstrip().endswith(_ENDS[one.path]):
            one.wrong.append(f"{status}, {len(body)} characters")
            return
        if one.path.endswith(".json"):
            json.loads(body)
        number = max(map(int, _NUMBER.findall(body)), default=0)
        if number < one.newest:
            one.wrong.append(f"update {number} after {one.newest}")
        one.newest = max(one.newest, number)
        one.oldest = max(one.oldest, self._published.age_of(number, asked))

    def _sign_up(self) -> None:
        number = 0
        while not self._over.wait(SIGN_UP_PAUSE):
            number += 1
            client = FormClient(lambda: [self._forms_url], f"198.{number // 250}.{number % 250}.7")
            reader = Reader(client, self._mail, f"new{number}@customer{number}.example")
            if self._patiently(reader.ask) and self._patiently(reader.confirm):
                self.signed_up.append(reader.address)

    def _patiently(self, act: Callable[[], None]) -> bool:
        """Try again as a person does, while pages answer that they cannot be shown at the moment."""
        deadline, refusal = time.monotonic() + PATIENCE, ""
        while time.monotonic() < deadline:
            try:
                act()
            except (AssertionError, OSError, http.client.HTTPException) as error:
                refusal = f"{type(error).__name__}: {error}"
                time.sleep(1)
            else:
                return True
        self.lost_sign_ups.append(refusal)
        return False
