"""A product to measure: its own PostgreSQL and Valkey, sample data, a published store, and the processes around it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.ports import free_port
from harness.readiness import awaited_readiness
from incidents.public_site.threads import DEFAULT_THREADS
from statuspage.local import postgres_home
from statuspage.local.paths import ROOT
from statuspage.local.servers import Servers
from statuspage.local.web_server import granian as web_server_command

Environment = dict[str, str]

SCHEDULER = ("scheduler",)
# Names a file for the dump of a migrated database: migrating takes longer than restoring it.
MIGRATED_DATABASE = "BENCHMARKS_MIGRATED_DATABASE"
WEB_THREADS = DEFAULT_THREADS.total
WORKER = ("rqworker", "delivery", "messages", "requests", "--verbosity", "0")


@dataclass(frozen=True)
class WebServer:
    """The address of a web server, and the process that started its workers."""

    url: str
    pid: int

    def processor_time(self) -> float:
        """Seconds of processor time that it and its children have used; 0 where there is no /proc."""
        return sum(processor_time_of(pid) for pid in family(self.pid))


def family(pid: int) -> Iterator[int]:
    """A process and its descendants; also the processes of RQ's jobs, which leave the process group."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in file.read_text(encoding="utf-8").split():
            yield from family(int(child))


def processor_time_of(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def product_environment(**variables: str) -> Iterator[Environment]:
    """The environment of a new product that is migrated and published, with sample data unless SAMPLE_DATA=0."""
    with tempfile.TemporaryDirectory(prefix="statuspage-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the users of PostgreSQL and nginx must be able to enter
        environment = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "measured" * 8,
            "VAR_DIR": str(folder),
            "PUBLIC_ROOT": str(folder / "public"),
            "DJANGO_SETTINGS_MODULE": "statuspage.settings",
            "LOG_LEVEL": "ERROR",
            **variables,
        }
        with Servers(folder, environment, lasting=False):
            if dump := os.environ.get(MIGRATED_DATABASE):
                create_schema(Path(dump), environment)
            command = [sys.executable, "-m", "statuspage.local.prepare_data"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            yield environment


def create_schema(dump: Path, environment: Environment) -> None:
    """Restore a migrated database from the dump. If there is none yet, migrate, and write it."""
    programs, url = postgres_home.packages_folder() / postgres_home.PROGRAMS, environment["DATABASE_URL"]
    if dump.exists():
        command = [str(programs / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", f"--file={dump}", url]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        subprocess.run([programs / "pg_dump", f"--file={dump}", url], check=True)


@contextmanager
def web_server(
    command: Sequence[str], environment: Environment, path: str = "/da/", log: IO[str] | None = None
) -> Iterator[WebServer]:
    """A web server that is ready; `PORT` in the command is replaced with a free port."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for_page(f"{url}{path}", process)
        yield WebServer(url, process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def manage_command(command: Sequence[str], environment: Environment, log: IO[str] | None = None) -> Iterator[None]:
    """The scheduler or a worker, which is ready and runs as long as the block does."""
    words = [sys.executable, "manage.py", *command]
    with ExitStack() as stack:
        with awaited_readiness() as variables:
            process = subprocess.Popen(words, cwd=ROOT, env=environment | variables, stderr=log)
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
        yield


@contextmanager
def scheduler_and_worker(environment: Environment, log: IO[str] | None = None) -> Iterator[None]:
    """The scheduler and one worker, as in production."""
    with ExitStack() as stack:
        for command in (SCHEDULER, WORKER):
            stack.enter_context(manage_command(command, environment, log))
        yield


def delivery_command(environment: Environment, *command: str) -> dict[str, Any]:
    """Run a command of delivery_commands.py and return its result."""
    full = [sys.executable, "-m", "benchmarks.support.delivery_commands", *command]
    done = subprocess.run(full, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def shell(environment: Environment, script: str) -> str:
    """Run a script with Django set up, and return what it prints."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def granian(application: str = "statuspage.wsgi:application", threads: int = WEB_THREADS) -> list[str]:
    """The command of one worker, as `make run` starts it."""
    return web_server_command(application, port="PORT", threads=threads)


def gunicorn(application: str, threads: int) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--log-level", "error"]
    return [*command, "--workers", "1", "--threads", str(threads), application]


def wait_for_page(url: str, process: "subprocess.Popen[bytes]", patience: float = 60, pause: float = 0.1) -> None:
    """Request it until it is answered. Raises OSError if the process ends, or after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(pause)
