"""The systemd units start what `make run` starts, with few rights."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import environment, units
from incidents.systemd import notify_ready
from statuspage.local.__main__ import COMMANDS
from statuspage.local.paths import ROOT
from statuspage.local.web_server import granian

ANALYZE = shutil.which("systemd-analyze")
PYTHON = "/opt/statuspage/.venv/bin/python"
ENV_FILE = Path(ROOT, "deploy", "statuspage.env").read_text(encoding="utf-8")

needs_systemd = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed (Debian: systemd)")


def test_web_unit_uses_the_options_of_make_run() -> None:
    expected = [option.replace("4711", "$WEB_THREADS") for option in granian(port="8000", threads=4711)[1:]]
    assert units.command("web") == [PYTHON, *expected]


@pytest.mark.parametrize("name", COMMANDS)
def test_other_units_run_the_commands_of_make_run(name: str) -> None:
    assert units.command(name) == [PYTHON, "manage.py", *COMMANDS[name].split()]


def test_target_starts_every_service() -> None:
    target = (units.FOLDER / "statuspage.target").read_text(encoding="utf-8")
    wanted = re.findall(r"statuspage-(\w+)\.service", target)
    assert wanted == units.SERVICES
    assert {path.name for path in units.FOLDER.glob("*.service")} == {
        f"statuspage-{name}.service" for name in [*wanted, "backup"]
    }


@pytest.mark.parametrize("service", units.SERVICES)
def test_only_the_main_process_is_asked_to_stop_and_has_time_for_it(service: str) -> None:
    unit = units.read(service)
    assert unit["KillMode"] == "mixed"
    assert unit["Restart"] == "always"
    assert int(unit["TimeoutStopSec"]) >= 30


@needs_systemd
@pytest.mark.parametrize("service", [*units.SERVICES, "backup"])
def test_exposure_is_rated_ok(service: str) -> None:
    assert ANALYZE
    file = units.FOLDER / f"statuspage-{service}.service"
    command = [ANALYZE, "security", "--offline=true", "--threshold=20", "--no-pager", str(file)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout + rated.stderr
    assert " OK " in rated.stdout.splitlines()[-1]


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    assert ANALYZE
    folder = tmp_path / "units"
    shutil.copytree(units.FOLDER, folder)
    for file in folder.glob("*.service"):
        # It refuses programs that do not exist.
        file.write_text(file.read_text(encoding="utf-8").replace(PYTHON, sys.executable), encoding="utf-8")
    files = [str(file) for file in sorted(folder.glob("statuspage*.*")) if file.is_file()]
    verified = subprocess.run([ANALYZE, "verify", "--man=no", *files], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_environment_file_has_only_known_settings() -> None:
    named = {name.removesuffix("_FILE") for name in re.findall(r"^#?([A-Z_]+)=", ENV_FILE, flags=re.MULTILINE)}
    assert named <= {*environment.OWN, *environment.SERVERS}


def test_environment_file_means_the_same_to_a_shell() -> None:
    read = subprocess.check_output(["sh", "-c", "set -a; . deploy/statuspage.env; env -0"], cwd=ROOT, env={}, text=True)
    by_shell = dict(line.split("=", 1) for line in read.split("\0") if line)
    lines = re.findall(r"^([A-Z_]+)=(.*)$", ENV_FILE, flags=re.MULTILINE)
    assert {name: by_shell[name] for name, _value in lines} == {name: shlex.split(value)[0] for name, value in lines}


def test_systemd_learns_that_a_process_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(os.fspath(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", os.fspath(tmp_path / "notify"))
        notify_ready()
        assert listening.recv(100) == b"READY=1"


def test_without_systemd_being_ready_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
