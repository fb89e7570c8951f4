"""`make run`, interrupted at any moment of the first and the second start."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from harness.product import Product
from harness.waiting import wait_for
from statuspage.local import interruption
from statuspage.local.process import communicate, spawn, stop
from tests.support import processes


@pytest.fixture
def folder() -> Path:
    """A folder that PostgreSQL's account can reach, with a short path: those of pytest are closed, and long."""
    session = Path(os.environ["VAR_DIR"])
    session.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="i", dir=session))
    made.chmod(0o711)
    return made


def running(product: Product, part: str) -> int:
    return sum(part in command for command in processes.of_folder(product.folder).values())


def makes_the_cluster(product: Product) -> bool:
    return running(product, "initdb") > 0


def migrates(product: Product) -> bool:
    try:
        secret = (product.folder / "postgres-password").read_text(encoding="ascii").strip()
        with psycopg.connect(
            host=f"{product.folder}/postgres", user="statuspage", dbname="statuspage", password=secret
        ) as connection:
            return connection.execute("SELECT to_regclass('django_migrations')").fetchone() != (None,)
    except (OSError, psycopg.Error):
        return False


def publishes(product: Product) -> bool:
    """With several processors, count the pool: its processes have the command line of their parent."""
    return running(product, "statuspage.local.prepare_data") > min((os.cpu_count() or 1) - 1, 2)


def loads_the_sample_page(product: Product) -> bool:
    return (product.folder / "public" / ".written-by").exists()


def interrupted(product: Product, moment: Callable[[Product], bool], *signals: signal.Signals) -> None:
    """Start, wait for the moment, send the signals to the supervisor and wait until nothing runs."""
    product.begin()
    wait_for(lambda: moment(product) or product.process.poll() is not None)
    assert product.process.poll() is None, product.said()
    for number in signals:
        product.process.send_signal(number)
    product.process.wait(90)
    wait_for(lambda: not processes.of_folder(product.folder))


def test_interrupted_start_leaves_no_process_and_the_next_one_works(folder: Path) -> None:
    product = Product(folder, sample_data=True, DATABASE_URL="", REDIS_URL="")
    try:
        interrupted(product, makes_the_cluster, signal.SIGKILL)
        interrupted(product, migrates, signal.SIGHUP)
        interrupted(product, publishes, signal.SIGINT, signal.SIGINT)
        interrupted(product, loads_the_sample_page, signal.SIGTERM)
        product.variables["SITE_URL"] = "http://other.example"  # so that everything is published once more
        interrupted(product, publishes, signal.SIGKILL)
        product.start()
        assert product.get("/en/")[0] == 200
        assert product.stop(signal.SIGTERM) == 0
        assert "Stopped. The data are kept" in product.said().splitlines()[-1]
        assert "Traceback" not in product.said()
    finally:
        product.stop()
    wait_for(lambda: not processes.of_folder(folder))


def test_preparation_that_is_killed_leaves_no_process(folder: Path) -> None:
    product = Product(folder, sample_data=False)
    try:
        product.begin()
        wait_for(lambda: publishes(product))
        [child] = [
            process
            for process, command in processes.of_folder(folder).items()
            if "statuspage.local.prepare_data" in command and parent(process) == product.process.pid
        ]
        os.kill(child, signal.SIGKILL)
        assert product.process.wait(90) == 1
        wait_for(lambda: not processes.of_folder(folder))
    finally:
        product.stop()


def parent(process: int) -> int:
    status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    return int(status.rpartition(")")[2].split()[1])


@pytest.fixture
def stop_signal() -> Iterator[None]:
    interruption._received.add(signal.SIGINT)
    yield
    interruption._received.clear()


@pytest.mark.usefixtures("stop_signal")
def test_process_ends_when_waiting_for_it_is_interrupted(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "import time; time.sleep(600)"], folder=str(tmp_path))
    with pytest.raises(interruption.Stopped):
        communicate(process)
    assert not processes.of_folder(tmp_path)


OBSTINATE = """
import os, signal, sys, time
asked = []
def ask(*_):
    if asked:
        sys.exit(7)
    asked.append(1)
    open("asked", "w").close()
signal.signal(signal.SIGTERM, ask)
open("ready", "w").close()
while True:
    time.sleep(0.01)
"""


def test_process_that_does_not_end_is_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = spawn([sys.executable, "-c", OBSTINATE], folder=str(tmp_path))
    wait_for((tmp_path / "ready").exists)
    wait, waits = process.wait, list[float | None]()

    def wait_until_asked(timeout: float | None = None) -> int:
        """Time out as soon as the process has received the first signal."""
        waits.append(timeout)
        if len(waits) > 1:
            return wait(120)
        wait_for((tmp_path / "asked").exists)
        raise subprocess.TimeoutExpired(process.args, 0)

    monkeypatch.setattr(process, "wait", wait_until_asked)
    stop(process, patience=10)
    assert process.returncode == 7


LEAVES_ONE_BEHIND = """
import os, time
if os.fork():
    open("ready", "w").close()
time.sleep(600)
"""


def test_children_of_a_process_end_with_it(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", LEAVES_ONE_BEHIND], folder=str(tmp_path))
    wait_for((tmp_path / "ready").exists)
    stop(process)
    wait_for(lambda: not processes.of_folder(tmp_path))
