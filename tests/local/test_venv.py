"""The environment makes itself, and mends what an accident left behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.waiting import wait_for
from statuspage.local import venv
from statuspage.local.plan import ROOT
from tests.support import processes

PACKAGE = Path(ROOT, "statuspage")


def little_project(root: Path) -> Path:
    """As little of the project as the environment needs; requirements without packages need no network."""
    (root / "statuspage" / "local").mkdir(parents=True)
    for name in ("__init__.py", "local/__init__.py", "local/tether.py", "local/venv.py"):
        shutil.copy(PACKAGE / name, root / "statuspage" / name)
    (root / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    return root


ENSURE = [sys.executable, "-m", "statuspage.local.venv", "requirements.txt"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose environment was half-made, and is whole now: making one takes seconds, so the tests share it."""
    project = little_project(tmp_path_factory.mktemp("made") / "project")
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    assert "Making .venv" in ensure(project)
    return project


def ensure(project: Path) -> str:
    own_index = {**os.environ, "PIP_INDEX_URL": "https://index.invalid/"}  # pip installs, nothing from the network
    done = subprocess.run(ENSURE, cwd=project, env=own_index, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_half_made_environment_is_made_anew(made: Path) -> None:
    assert subprocess.call([made / ".venv/bin/python", "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0


def test_environment_is_made_once(made: Path) -> None:
    assert ensure(made) == ""


def test_interrupted_installation_is_finished(made: Path) -> None:
    (made / ".venv" / "installed.json").unlink()
    said = ensure(made)
    assert "Making .venv" not in said
    assert "Installed" in said


def test_changed_requirements_are_installed(made: Path) -> None:
    with (made / "requirements.txt").open("a", encoding="utf-8") as requirements:
        requirements.write("# still nothing\n")
    assert "Installed" in ensure(made)


def test_environment_that_moved_is_made_anew(made: Path) -> None:
    """What it says first is enough to know; the making is not waited for."""
    moved = shutil.copytree(made, made.with_name("moved"), symlinks=True)
    with subprocess.Popen(ENSURE, cwd=moved, stderr=subprocess.PIPE, text=True) as making:
        assert making.stderr is not None
        first = making.stderr.readline()
        making.terminate()
    assert "Making .venv" in first


SLOW_PIP = """#!/bin/sh
case "$*" in *"pip install"*) exec sleep 600 ;; esac
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A project whose pip takes for ever."""
    project = little_project(tmp_path / "project")
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(SLOW_PIP, encoding="ascii")
    python.chmod(0o755)
    (project / ".venv" / "made-at").write_text(str(project / ".venv"), encoding="utf-8")
    return project


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupted_installation_leaves_no_process(slow: Path, number: signal.Signals) -> None:
    with subprocess.Popen(ENSURE, cwd=slow, stderr=subprocess.PIPE, text=True) as ensuring:
        wait_for(lambda: any("sleep" in command for command in processes.of_folder(slow).values()))
        ensuring.send_signal(number)
        assert ensuring.stderr is not None
        said = ensuring.stderr.read()
    assert "Interrupted; the same command" in said or number == signal.SIGKILL
    assert "Traceback" not in said
    wait_for(lambda: not processes.of_folder(slow))


class TestDamage:
    """An environment in which something is missing is made again."""

    @pytest.fixture(autouse=True)
    def made_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is done to an environment that looks as if it had been made by `sys.executable`."""
        done: list[str] = []
        folder = tmp_path / ".venv"
        (folder / "lib" / "python3.11" / "site-packages" / "django").mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        monkeypatch.setattr(venv, "ROOT", str(tmp_path))
        for name, path in (("VENV", ""), ("PYTHON", "bin/python"), ("STAMP", "installed.json"), ("MADE", "made-at")):
            monkeypatch.setattr(venv, name, str(folder / path))
        monkeypatch.setattr(venv, "make", lambda: done.append("made"))
        monkeypatch.setattr(venv, "install", lambda _: done.append("installed"))
        (tmp_path / "requirements.txt").touch()
        (folder / "made-at").write_text(venv.VENV, encoding="utf-8")
        venv.ensure("requirements.txt")
        assert done == ["installed"]
        done.clear()
        return done

    def test_nothing_is_done_where_all_is_there(self, made_again: list[str]) -> None:
        venv.ensure("requirements.txt")
        assert made_again == []

    def test_package_that_vanished(self, made_again: list[str], tmp_path: Path) -> None:
        (tmp_path / ".venv/lib/python3.11/site-packages/django").rmdir()
        venv.ensure("requirements.txt")
        assert made_again == ["made", "installed"]

    def test_environment_whose_making_was_interrupted(self, made_again: list[str], tmp_path: Path) -> None:
        (tmp_path / ".venv/made-at").unlink()
        (tmp_path / ".venv/installed.json").unlink()
        venv.ensure("requirements.txt")
        assert made_again == ["made", "installed"]


class TestComplaints:
    """What cannot be mended is said in one message, without a traceback."""

    @pytest.fixture(autouse=True)
    def _nothing_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(venv, "read_stamp", dict)
        monkeypatch.setattr(venv, "is_sound", lambda: False)

    def test_too_old_python(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(venv, "LEAST", (9, 9))
        assert venv.main(["requirements.txt"]) == 1
        said = capsys.readouterr().err
        assert "Python 9.9 or newer is needed; this is 3." in said
        assert "make PYTHON=" in said

    def test_missing_ensurepip(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(venv, "works", lambda _: False)
        assert venv.main(["requirements.txt"]) == 1
        assert "apt-get install python3." in capsys.readouterr().err
