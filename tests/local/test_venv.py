"""The environment is created when needed, and recreated when damaged."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.waiting import wait_for
from statuspage.local import venv
from statuspage.local.paths import ROOT
from tests.support import processes

PACKAGE = Path(ROOT, "statuspage")


def little_project(root: Path) -> Path:
    """The part of the project that the environment needs; requirements without packages need no network."""
    (root / "statuspage" / "local").mkdir(parents=True)
    for name in ("__init__.py", "local/__init__.py", "local/exit_with_parent.py", "local/venv.py"):
        shutil.copy(PACKAGE / name, root / "statuspage" / name)
    (root / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    return root


OWN_INDEX = {**os.environ, "PIP_INDEX_URL": "https://index.invalid/"}  # pip installs, nothing from the network
ENSURE = [sys.executable, "-m", "statuspage.local.venv", "requirements.txt"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose environment was half-made and is complete now; shared by the tests, because it takes seconds."""
    project = little_project(tmp_path_factory.mktemp("made") / "project")
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    assert "Making .venv" in ensure(project)
    return project


def ensure(project: Path) -> str:
    done = subprocess.run(ENSURE, cwd=project, env=OWN_INDEX, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_half_made_environment_is_made_again(made: Path) -> None:
    assert subprocess.call([made / ".venv/bin/python", "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0


def test_environment_is_made_once(made: Path) -> None:
    assert ensure(made) == ""


def test_interrupted_installation_is_finished(made: Path) -> None:
    state = made / ".venv" / "installed.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "installed": [], "content": []}), encoding="utf-8")
    said = ensure(made)
    assert "Making .venv" not in said
    assert "Installed" in said


def test_changed_requirements_are_installed(made: Path) -> None:
    with (made / "requirements.txt").open("a", encoding="utf-8") as requirements:
        requirements.write("# still nothing\n")
    assert "Installed" in ensure(made)


def test_moved_environment_is_made_again(made: Path) -> None:
    """Its first line is enough to know; the test does not wait for the environment."""
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
    """A project whose pip never ends."""
    project = little_project(tmp_path / "project")
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(SLOW_PIP, encoding="ascii")
    python.chmod(0o755)
    state = {"origin": [str(python), str(python.resolve()), list(venv.LEAST)], "installed": [], "content": []}
    (project / ".venv" / "installed.json").write_text(json.dumps(state), encoding="utf-8")
    return project


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupted_installation_leaves_no_process(slow: Path, number: signal.Signals) -> None:
    with subprocess.Popen(ENSURE, cwd=slow, stderr=subprocess.PIPE, text=True) as ensuring:
        wait_for(lambda: any("sleep" in command for command in processes.of_folder(slow).values()))
        ensuring.send_signal(number)
        assert ensuring.stderr is not None
        said = ensuring.stderr.read()
    assert "Interrupted; run the same command again" in said or number == signal.SIGKILL
    assert "Traceback" not in said
    wait_for(lambda: not processes.of_folder(slow))


def test_ctrl_c_also_ends_what_the_installer_has_started(slow: Path) -> None:
    python = slow / ".venv" / "bin" / "python"
    python.write_text(SLOW_PIP.replace("exec sleep 600", "sleep 600; exit 1"), encoding="ascii")
    with subprocess.Popen(ENSURE, cwd=slow, stderr=subprocess.PIPE, text=True, start_new_session=True) as ensuring:
        wait_for(lambda: any(command.startswith("sleep") for command in processes.of_folder(slow).values()))
        os.killpg(ensuring.pid, signal.SIGINT)
        assert ensuring.stderr is not None
        assert "Traceback" not in ensuring.stderr.read()
    wait_for(lambda: not processes.of_folder(slow))


def test_package_without_hashes_is_not_installed(made: Path) -> None:
    (made / "pyproject.toml").write_text("[project]\nname = 'unhashed'\nversion = '1'\n", encoding="utf-8")
    (made / "requirements-unhashed.txt").write_text(".\n", encoding="utf-8")
    command = [*ENSURE[:-1], "requirements-unhashed.txt"]
    done = subprocess.run(command, cwd=made, env=OWN_INDEX, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Can't verify hashes" in done.stderr
    assert "The packages could not be installed" in done.stderr
    assert "Installed" in ensure(made)


class TestDamage:
    """Repair of an environment that appears to be made by `sys.executable`."""

    @pytest.fixture(autouse=True)
    def done(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        done: list[str] = []

        def install(requirements: str) -> bool:
            done.append(requirements)
            return True

        folder = tmp_path / ".venv"
        (folder / "lib" / "python3.11" / "site-packages" / "django").mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        monkeypatch.setattr(venv, "ROOT", str(tmp_path))
        for name, path in (("VENV", ""), ("PYTHON", "bin/python"), ("STATE", "installed.json")):
            monkeypatch.setattr(venv, name, str(folder / path))
        monkeypatch.setattr(venv, "make", lambda: done.append("made"))
        monkeypatch.setattr(venv, "install_with_uv", install)
        for name in ("local.txt", "dev.txt"):
            (tmp_path / f"requirements-{name}").write_text(name, encoding="utf-8")
        venv.ensure("requirements-local.txt")
        venv.ensure("requirements-dev.txt")
        assert done == ["made", "requirements-local.txt", "requirements-dev.txt"]
        done.clear()
        return done

    def test_nothing_is_done_to_an_intact_environment(self, done: list[str]) -> None:
        venv.ensure("requirements-local.txt")
        venv.ensure("requirements-dev.txt")
        assert done == []

    def test_package_that_vanished(self, done: list[str], tmp_path: Path) -> None:
        (tmp_path / ".venv/lib/python3.11/site-packages/django").rmdir()
        venv.ensure("requirements-dev.txt")
        assert done == ["made", "requirements-dev.txt"]

    def test_environment_whose_making_was_interrupted(self, done: list[str], tmp_path: Path) -> None:
        (tmp_path / ".venv/installed.json").unlink()
        venv.ensure("requirements-dev.txt")
        assert done == ["made", "requirements-dev.txt"]

    def test_state_that_was_half_written(self, done: list[str], tmp_path: Path) -> None:
        (tmp_path / ".venv/installed.json").write_text("{", encoding="utf-8")
        venv.ensure("requirements-dev.txt")
        assert done == ["made", "requirements-dev.txt"]

    def test_python_that_was_removed_or_replaced(self, done: list[str], tmp_path: Path) -> None:
        python = tmp_path / ".venv/bin/python"
        for path in ("/no/such/python", "/bin/sh"):
            python.unlink()
            python.symlink_to(path)
            venv.ensure("requirements-dev.txt")
            assert done == ["made", "requirements-dev.txt"]
            done.clear()

    def test_older_version_of_another_file_is_installed_again(self, done: list[str], tmp_path: Path) -> None:
        local, dev = tmp_path / "requirements-local.txt", tmp_path / "requirements-dev.txt"
        for path in (local, dev):
            path.write_text("newer", encoding="utf-8")
        venv.ensure("requirements-dev.txt")
        local.write_text("local.txt", encoding="utf-8")
        venv.ensure("requirements-local.txt")
        assert done == ["requirements-dev.txt", "requirements-local.txt"]


class TestComplaints:
    """Each problem is reported in one message, without a traceback."""

    def test_python_that_is_not_installed(self) -> None:
        command = ["make", "-C", str(ROOT), "install-local", "PYTHON=/no/such/python"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "/no/such/python is not installed: install Python 3.11 or newer" in done.stderr

    def test_too_old_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(venv, "LEAST", (9, 9))
        with pytest.raises(SystemExit, match=r"Python 9.9 or newer.* is needed; this is 3\.\d+ (?s:.*)make PYTHON="):
            venv.suitable_python()

    def test_missing_ensurepip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subprocess, "call", lambda *_, **__: 1)
        with pytest.raises(SystemExit, match=r"apt-get install python3\.\d+-venv"):
            venv.suitable_python()
