"""The environment makes itself, and mends what an accident left behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from statuspage.local import venv
from tests.support.product import ROOT

PACKAGE = Path(ROOT, "statuspage")


def little_project(root: Path) -> Path:
    """As little of the project as the environment needs; requirements without packages need no network."""
    (root / "statuspage" / "local").mkdir(parents=True)
    for name in ("__init__.py", "local/__init__.py", "local/venv.py"):
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
    done = subprocess.run(ENSURE, cwd=project, capture_output=True, text=True, check=False)
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
    """The last to use it: what it says first is enough to know, and the making is not waited for."""
    moved = made.rename(made.with_name("moved"))
    with subprocess.Popen(ENSURE, cwd=moved, stderr=subprocess.PIPE, text=True) as making:
        assert making.stderr is not None
        first = making.stderr.readline()
        making.terminate()
    assert "Making .venv" in first


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
