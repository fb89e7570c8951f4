"""`make manage` and `make password` while the product is stopped; see `test_run` for a running one."""

import re
import subprocess
import sys
from pathlib import Path

from django.core.management import get_commands

from harness.product import run_environment
from statuspage.local import lock
from statuspage.local.paths import ROOT

COMMAND = [sys.executable, "-m", "statuspage.local.command"]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def test_servers_of_a_stopped_product_run_as_long_as_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "blå bær"
    code = "from django.db import connection; connection.ensure_connection()"
    done = call("manage.py", "shell", "--no-imports", "-c", code, VAR_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(folder.rglob("postmaster.pid"))
    with lock.lock_var_dir(folder, "a test") as was_killed:
        assert not was_killed
    done = call("-m", "statuspage.local.admin_account", VAR_DIR=str(folder))
    assert done.returncode == 1
    assert done.stderr == "The database is not set up yet: run “make run” first.\n"


def test_wrong_setting_is_refused_in_one_line(tmp_path: Path) -> None:
    done = call("manage.py", "check", VAR_DIR=str(tmp_path), TIME_ZONE="Mars")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("TIME_ZONE is “Mars”")
