"""`make run`, as a first-time user sees it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from harness.environment import queue_url
from harness.ports import free_port
from harness.product import Product, run_environment
from harness.waiting import wait_for
from statuspage.local import lock
from statuspage.local.paths import ROOT
from statuspage.local.supervisor import describe_exit
from tests.local.test_command import call


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with its own servers and a random password, in a path that is hard to quote."""
    # Not in pytest's folders, which PostgreSQL's account cannot enter.
    folder = Path(os.environ["VAR_DIR"]) / "My Projects" / 'blåbær, 100% "ripe"' / "status"
    one = Product(folder, DATABASE_URL="", REDIS_URL="", ADMIN_PASSWORD="", LANGUAGES="da,en")
    one.start()
    yield one
    one.stop()


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


def test_summary_lists_addresses_and_folders(running: Product) -> None:
    said = running.said()
    assert f"{running.url}/da/  {running.url}/en/" in said
    assert f"{running.url}/admin/" in said
    assert f"{running.folder}/mail/*.eml" in said


def test_page_and_admin_answer(running: Product) -> None:
    assert running.get("/healthz")[0] == 200
    assert running.get("/en/")[0] == 200
    assert running.get("/admin/login/")[0] == 200


def test_second_start_in_the_same_folder_is_refused(running: Product) -> None:
    done = start_beside(VAR_DIR=str(running.folder), PORT="1")
    assert done.returncode == 1
    assert done.stdout.startswith(f"Already running from {running.folder}: http://127.0.0.1:{running.port}")


def test_port_in_use_is_reported(running: Product, tmp_path: Path) -> None:
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


def test_queue_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = start_beside(VAR_DIR=str(tmp_path), PORT=str(free_port()), **servers)
    assert done.returncode == 1
    assert "REDIS_URL names a server that does not answer: " in done.stdout
    assert "database" not in done.stdout.lower()


def test_database_that_does_not_answer_is_reported_in_one_line(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://me@127.0.0.1:1/none", "REDIS_URL": queue_url(0)}
    done = start_beside(VAR_DIR=str(tmp_path), PORT=str(free_port()), **servers)
    assert done.returncode == 1
    reasons = [line for line in done.stdout.splitlines() if line.startswith("set-up")]
    assert len(reasons) == 1
    assert "DATABASE_URL names a database that does not answer: " in reasons[0]


def test_secret_key_is_created_once_and_private(running: Product) -> None:
    key = running.folder / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text(encoding="ascii")) > 50


def test_process_that_dies_is_restarted(running: Product) -> None:
    for process in children(running.process.pid):
        if "rqworker" in command_line(process):
            os.kill(process, signal.SIGKILL)
    wait_for(lambda: "worker ended (signal SIGKILL); it starts again" in running.said())
    wait_for(lambda: any("rqworker" in command_line(process) for process in children(running.process.pid)))


def test_exit_codes_and_signals_are_described() -> None:
    assert describe_exit(-9) == "signal SIGKILL"
    assert describe_exit(3) == "exit code 3"


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


def test_sign_up_reaches_the_mailbox(running: Product) -> None:
    sign_up(running, "anna@example.dk")
    [mail] = running.wait_for_mail("anna@example.dk")
    assert "/subscription/confirm/" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Traceback" not in running.said()


def sign_up(product: Product, address: str) -> None:
    """Submit the form until it is accepted: a submission within two seconds is refused."""
    path = "/en/subscribe/"
    form = product.get(path)[2]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    data = urlencode({**hidden, "address": address, "wants_incidents": "on"}).encode()

    def accepted() -> bool:
        try:
            urlopen(product.url + path, data, timeout=60).close()
        except HTTPError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
                return False
            raise
        return True

    wait_for(accepted)


def test_messages_of_make_run_name_make_targets(running: Product) -> None:
    assert "manage.py" not in running.said()
    assert 'make manage ARGS="help"' in running.said()
    assert "manage.py" not in Path(ROOT, "statuspage/local/admin_account.py").read_text(encoding="utf-8")


def test_command_uses_the_settings_and_servers_of_the_running_product(running: Product) -> None:
    code = (
        "from django.conf import settings as s; from django.contrib.auth.models import User; "
        "print(s.SITE_URL, len(s.LANGUAGES), User.objects.count())"
    )
    done = call("manage.py", "shell", "--no-imports", "-c", code, VAR_DIR=str(running.folder), LANGUAGES="da")
    assert (done.stdout, done.stderr) == (f"{running.url} 2 1\n", "")


def test_environment_of_the_running_product_is_private(running: Product) -> None:
    assert (running.folder / lock.RUNNING).stat().st_mode & 0o777 == 0o600


def test_exit_code_is_the_command_s(running: Product) -> None:
    assert call("manage.py", "no_such_command", VAR_DIR=str(running.folder)).returncode == 1
    assert call("manage.py", "publish", "--check", VAR_DIR=str(running.folder)).returncode == 0


def test_new_password_replaces_the_first_one(running: Product) -> None:
    first = running.folder / "first_password"
    assert first.read_text(encoding="utf-8") in running.said()
    done = call("-m", "statuspage.local.admin_account", VAR_DIR=str(running.folder))
    assert done.stderr == ""
    password = done.stdout.removeprefix("user admin, password ").strip()
    assert not first.exists()
    right = (
        f"from django.contrib.auth import authenticate; print(authenticate(username='admin', password={password!r}))"
    )
    done = call("manage.py", "shell", "--no-imports", "-c", right, VAR_DIR=str(running.folder))
    assert done.stdout == "admin\n"
