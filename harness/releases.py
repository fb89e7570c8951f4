"""The previous release: its commit, named in `releases/previous`, and its code."""

import subprocess
from functools import cache
from pathlib import Path

from statuspage.local.paths import ROOT

PREVIOUS = Path(ROOT, "releases", "previous")
# `sha256sum` of the migrations of the newest release; `sha256sum --check` reads it.
RECORD = Path(ROOT, "releases", "migrations.sha256")
MIGRATIONS = "incidents/migrations"


def previous() -> tuple[str, str]:
    """Return the version and the commit of the previous release."""
    (line,) = [line for line in PREVIOUS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    version, commit = line.split()
    return version, commit


def recorded_migrations(record: Path = RECORD) -> dict[str, str]:
    """Return the SHA-256 of each released migration by its path in the repository."""
    lines = record.read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, _spaces, path in (line.partition("  ") for line in lines)}


@cache
def is_in_history() -> bool:
    """Whether this is a clone that has the commit of the previous release."""
    command = ["git", "cat-file", "-e", f"{previous()[1]}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def previous_migrations() -> set[str]:
    """Return the names of the migrations of the previous release: `0037_roles`."""
    command = ["git", "ls-tree", "--name-only", previous()[1], f"{MIGRATIONS}/"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    return {Path(path).stem for path in listed if Path(path).stem[:4].isdigit()}


def check_out_previous(folder: Path) -> Path:
    """Write the code of the previous release to a new folder, and return it."""
    folder.mkdir()
    archive = subprocess.check_output(["git", "archive", previous()[1]], cwd=ROOT)
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive, check=True)
    return folder
