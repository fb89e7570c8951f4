"""The environment makes itself, and mends what an accident left behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from statuspage.local import venv
from tests.support.product import ROOT

PACKAGE = Path(ROOT, "statuspage")


# One worker for all of them: what they share takes long to make.
pytestmark = pytest.mark.xdist_group("venv")


def little_project(root: Path) -> Path:
    """As little of the project as the environment needs; requirements without packages need no network."""
    (root / "statuspage" / "local").mkdir(parents=True)
    for name in ("__init__.py", "local/__init__.py", "local/venv.py"):
        shutil.copy(PACKAGE / name, root / "statuspage" / name)
    (root / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its environment: making one takes seconds, so the tests share it and leave it whole."""
    project = little_project(tmp_path_factory.mktemp("made") / "project")
    assert "Making .venv" in ensure(project)
    assert works(project)
    return project


def ensure(project: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "statuspage.local.venv", "requirements.txt"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def works(project: Path) -> bool:
    return subprocess.call([project / ".venv/bin/python", "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0


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
    moved = made.rename(made.with_name("moved"))
    assert "Making .venv" in ensure(moved)
    assert works(moved)
    moved.rename(made)


def test_half_made_environment_is_made_anew(tmp_path: Path) -> None:
    project = little_project(tmp_path / "project")
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    assert "Making .venv" in ensure(project)
    assert works(project)


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
