"""Folders for the sockets of the local servers.

The path of a socket is short, and plain ASCII: redis-py splits the lines of CLIENT
LIST, which hold the path, at blanks, and libpq takes a comma for the end of a host.
"""

import os
import re
import tempfile
from pathlib import Path

LONGEST_FOLDER = 85  # bytes; a socket's whole path may have 103 on macOS, 107 on Linux
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_ANYWHERE = "/tmp"  # noqa: S108 (mkdtemp makes a private folder in it)


def suits(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_FOLDER and _PLAIN.fullmatch(str(folder)) is not None


def make_folder() -> Path:
    """A new private folder for a socket, outside VAR_DIR."""
    parent = tempfile.gettempdir()
    suitable = suits(Path(parent, "statuspage-12345678"))
    return Path(tempfile.mkdtemp(prefix="statuspage-", dir=parent if suitable else _ANYWHERE))
