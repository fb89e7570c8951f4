"""`make manage` and `make password`, with the product running and stopped."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from statuspage.local import lock
from tests.support.product import ROOT, Product, run_environment

COMMAND = [sys.executable, "-m", "statuspage.local.command"]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product in a folder with a blank and foreign letters, and with a random password."""
    one = Product(tmp_path_factory.mktemp("run") / "blå bær", ADMIN_PASSWORD="", LANGUAGES="en")
    one.start()
    yield one
    one.stop()


def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd="/",
        env=run_environment({"PYTHONPATH": str(ROOT), **variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def documented() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    commands = {name for text in texts for name in re.findall(r"manage\.py ([a-z_]+)", text)}
    return commands | {name for text in texts for name in re.findall(r'make manage ARGS="([a-z_]+)', text)}


def test_every_documented_command_exists() -> None:
    assert len(documented()) > 8
    assert documented() - {*get_commands(), "help"} == set()


def test_messages_of_make_run_name_commands_that_make_knows(running: Product) -> None:
    assert "manage.py" not in running.said()
    assert 'make manage ARGS="help"' in running.said()
    assert "manage.py" not in Path(ROOT, "statuspage/local/account.py").read_text(encoding="utf-8")


def test_command_gets_the_settings_and_servers_of_the_running_product(running: Product) -> None:
    code = "from django.conf import settings as s; print(s.SITE_URL, s.LANGUAGE_CODE, s.DATABASES['default']['NAME'])"
    done = call("manage.py", "shell", "--no-imports", "-c", code, VAR_DIR=str(running.folder), LANGUAGES="da")
    name = re.search(r"product_\d+", running.variables["DATABASE_URL"])
    assert name is not None
    assert (done.stdout, done.stderr) == (f"{running.url} en {name[0]}\n", "")


def test_environment_of_the_running_product_is_kept_from_others(running: Product) -> None:
    assert (running.folder / lock.RUNNING).stat().st_mode & 0o777 == 0o600


def test_exit_code_is_the_command_s(running: Product) -> None:
    assert call("manage.py", "no_such_command", VAR_DIR=str(running.folder)).returncode == 1
    assert call("manage.py", "publish", "--check", VAR_DIR=str(running.folder)).returncode == 0


def test_new_password_replaces_the_first_one(running: Product) -> None:
    first = running.folder / "first_password"
    assert first.read_text(encoding="utf-8") in running.said()
    done = call("-m", "statuspage.local.account", VAR_DIR=str(running.folder))
    assert done.stderr == ""
    password = done.stdout.removeprefix("user admin, password ").strip()
    assert not first.exists()
    right = (
        f"from django.contrib.auth import authenticate; print(authenticate(username='admin', password={password!r}))"
    )
    done = call("manage.py", "shell", "--no-imports", "-c", right, VAR_DIR=str(running.folder))
    assert done.stdout == "admin\n"


def test_stopped_product_s_servers_run_as_long_as_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "blå bær"
    done = call("manage.py", "migrate", "--verbosity", "0", VAR_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(folder.rglob("postmaster.pid"))
    with lock.only_one(folder, "a test") as was_killed:
        assert not was_killed
    done = call("-m", "statuspage.local.account", VAR_DIR=str(folder))
    assert done.returncode == 1
    assert done.stderr == "There is no account “admin”: make run makes it.\n"


def test_wrong_setting_is_refused_in_one_line(tmp_path: Path) -> None:
    done = call("manage.py", "check", VAR_DIR=str(tmp_path), TIME_ZONE="Mars")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("TIME_ZONE is “Mars”")
