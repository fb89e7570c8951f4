"""`make run`, as somebody sees it who tries the product."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from statuspage.local.supervisor import ending
from tests.support.product import PASSWORD, ROOT, Product, free_port, run_environment, wait_for


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, list[int]]]:
    """A product whose supervisor was killed, and the processes that it had started."""
    one = Product(tmp_path_factory.mktemp("run"), LANGUAGES="da,en")
    one.start()
    orphans = children(one.process.pid)
    assert one.stop(signal.SIGKILL) == -signal.SIGKILL
    yield one, orphans
    one.stop()


@pytest.fixture
def running(killed: tuple[Product, list[int]]) -> Product:
    """That product, started again; `output` has what it said each time."""
    one, _orphans = killed
    if one.process.poll() is not None:
        one.start()
    return one


def start_beside(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "statuspage.local"],
        cwd=ROOT,
        env=run_environment(variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_summary_says_where_everything_is(running: Product) -> None:
    said = running.said()
    assert f"{running.url}/da/  {running.url}/en/" in said
    assert f"{running.url}/admin/" in said
    assert f"{running.folder}/mail/*.eml" in said


def test_password_that_was_chosen_is_not_shown(running: Product) -> None:
    assert PASSWORD not in running.said()
    assert running.said().count("user admin, password as in ADMIN_PASSWORD") == running.said().count("Starting …")


def test_page_and_admin_answer(running: Product) -> None:
    assert running.get("/healthz")[0] == 200
    assert running.get("/en/")[0] == 200
    assert running.get("/admin/login/")[0] == 200


def test_second_start_in_the_same_folder_is_refused(running: Product) -> None:
    done = start_beside(VAR_DIR=str(running.folder), PORT="1")
    assert done.returncode == 1
    assert done.stdout.startswith(f"It is running already from {running.folder}: http://127.0.0.1:{running.port}")


def test_port_in_use_is_named(running: Product, tmp_path: Path) -> None:
    done = start_beside(VAR_DIR=str(tmp_path), PORT=str(running.port))
    assert done.returncode == 1
    assert done.stdout.strip() == (
        f"Port {running.port} is in use by another program. Choose another one: make run PORT={running.port + 1}"
    )


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("TIME_ZONE", "Mars"), ("SITE_URL", "x"), ("VAR_DIR", "/proc/none")]
)
def test_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = start_beside(**{"VAR_DIR": str(tmp_path), name: value})
    assert done.returncode == 2
    assert done.stdout.startswith(f"{name} is “{value}”: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_queue_that_does_not_answer_is_named(running: Product, tmp_path: Path) -> None:
    servers = {"DATABASE_URL": running.variables["DATABASE_URL"], "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = start_beside(VAR_DIR=str(tmp_path), PORT=str(free_port()), **servers)
    assert done.returncode == 1
    assert "REDIS_URL names a server that does not answer: " in done.stdout
    assert "database" not in done.stdout.lower()


def test_database_that_does_not_answer_is_named_in_one_line(running: Product, tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://me@127.0.0.1:1/none", "REDIS_URL": running.variables["REDIS_URL"]}
    done = start_beside(VAR_DIR=str(tmp_path), PORT=str(free_port()), **servers)
    assert done.returncode == 1
    reasons = [line for line in done.stdout.splitlines() if line.startswith("set-up")]
    assert len(reasons) == 1
    assert "DATABASE_URL names a database that does not answer: " in reasons[0]


def test_secret_key_is_made_once_and_kept_from_others(running: Product) -> None:
    key = running.folder / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text(encoding="ascii")) > 50


def test_process_that_dies_is_started_again(running: Product) -> None:
    for process in children(running.process.pid):
        if "rqworker" in command_line(process):
            os.kill(process, signal.SIGKILL)
    wait_for(lambda: "worker ended (signal SIGKILL); it starts again" in running.said())
    wait_for(lambda: any("rqworker" in command_line(process) for process in children(running.process.pid)))


def test_killed_supervisor_takes_its_processes_with_it(killed: tuple[Product, list[int]], running: Product) -> None:
    _one, orphans = killed
    assert orphans
    assert not any(str(ROOT) in command_line(process) for process in orphans)


def test_stopping_ends_everything_in_order(running: Product) -> None:
    processes = children(running.process.pid)
    assert running.stop(signal.SIGTERM) == 0
    assert processes
    assert not any(str(ROOT) in command_line(process) for process in processes)
    assert "Stopped. The data are kept" in running.said()
    assert "Traceback" not in running.said()


def test_endings_are_told_in_words() -> None:
    assert ending(-9) == "signal SIGKILL"
    assert ending(3) == "exit code 3"


def children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    if not listed.exists():
        pytest.skip("this system does not list a process's children")
    return [int(process) for process in listed.read_text(encoding="ascii").split()]


def command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
