"""Folders for the sockets of the local servers.

The path of a socket must be short and plain ASCII: redis-py splits the lines of
CLIENT LIST, which contain the path, at blanks, and libpq ends a host at a comma.
"""

import os
import re
import tempfile
from pathlib import Path

LONGEST_FOLDER = 85  # bytes; the limit for a socket's whole path is 103 on macOS, 107 on Linux
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_FALLBACK = "/tmp"  # noqa: S108 (mkdtemp makes a private folder in it)


def is_suitable(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_FOLDER and _PLAIN.fullmatch(str(folder)) is not None


def make_folder() -> Path:
    """Create a private folder for a socket, outside VAR_DIR."""
    parent = tempfile.gettempdir()
    fits = is_suitable(Path(parent, "statuspage-12345678"))
    return Path(tempfile.mkdtemp(prefix="statuspage-", dir=parent if fits else _FALLBACK))
