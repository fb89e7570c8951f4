"""The whole product, started as `make run` starts it, for tests from outside and for screenshots."""

import email
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from harness import environment
from harness.ports import free_port
from harness.waiting import wait_for
from statuspage.env import Environment
from statuspage.local.paths import ROOT

PASSWORD = "correct horse battery staple"
_numbers = count(1)


class Product:
    """One running product with its own port, folder, database and queue."""

    def __init__(self, folder: Path, *, sample_data: bool = False, **variables: str) -> None:
        number = environment.worker_number() * 100 + next(_numbers)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.password = PASSWORD
        self.variables = {
            "PORT": str(self.port),
            "VAR_DIR": str(folder),
            "SITE_URL": self.url,
            "ADMIN_PASSWORD": PASSWORD,
            "SAMPLE_DATA": "1" if sample_data else "0",
            "DATABASE_URL": own_database(f"product_{number}"),
            "REDIS_URL": environment.queue_url(32 + number % 32),
            "PUBLIC_ROOT": str(folder / "public"),
            **variables,
        }
        self.output = folder / "output.txt"

    def start(self) -> None:
        """Start it, and wait until the page is served."""
        earlier = len(self.said())
        self.begin()
        try:
            wait_for(lambda: "Ctrl-C" in self.said()[earlier:] or self.process.poll() is not None)
            assert self.process.poll() is None, f"The product did not start:\n{self.said()}"
        except BaseException:
            self.stop()
            raise

    def begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "statuspage.local"],
                cwd=ROOT,
                env=run_environment(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers (lower case) and text; `Accept_Language="en"` becomes a header."""
        request = urllib.request.Request(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, named, answer.read().decode(errors="replace")

    def mail(self, recipient: str = "") -> list[EmailMessage]:
        """The emails that have arrived, in order, for one recipient or for all."""
        return received(self.folder / "mail", recipient)

    def wait_for_mail(self, recipient: str, number: int = 1) -> list[EmailMessage]:
        """The emails to `recipient`, as soon as there are `number` of them."""
        try:
            wait_for(lambda: len(self.mail(recipient)) >= number)
        except AssertionError as error:
            raise AssertionError(f"No email {number} to {recipient}. The product's output:\n{self.said()}") from error
        return self.mail(recipient)


def received(folder: Path, recipient: str = "") -> list[EmailMessage]:
    files = sorted(folder.glob(f"*-{recipient}.eml" if recipient else "*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def run_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with these variables of the product, and no others of its."""
    own = {*environment.OWN, *environment.SERVERS, "DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in own} | dict(variables)


def own_database(name: str) -> str:
    """Create an empty database on the session's server, and return its address."""
    url = urlsplit(os.environ["DATABASE_URL"])
    settings = Environment.database(url)
    with psycopg.connect(
        dbname=settings["NAME"],
        user=settings["USER"],
        password=settings["PASSWORD"] or None,
        host=settings["HOST"],
        port=settings["PORT"] or None,
        autocommit=True,
    ) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    made = urlunsplit(url._replace(path=f"/{name}"))
    return made if url.netloc else made.replace(":/", "://", 1)
