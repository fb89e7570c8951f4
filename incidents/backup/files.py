"""The file that a backup is written to, and its name in a folder of backups."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from .errors import BackupError

STANDARD_OUTPUT = "-"
_ABANDONED_AFTER = timedelta(days=2)  # a backup that is being written is changed all the time
_NAME = re.compile(r"statuspage-\d{8}T\d{6}Z\.tar(\.age)?")


def name_in(folder: Path, now: datetime, *, encrypted: bool) -> Path:
    """Return the name of a new backup. Names in their alphabetical order are in the order of time."""
    return folder / f"statuspage-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.tar{'.age' if encrypted else ''}"


def delete_oldest(folder: Path, keep: int, now: datetime) -> list[Path]:
    """Delete all backups but the newest `keep`, by their names, and what killed ones left. Return those backups."""
    for file in folder.glob(".statuspage-*.tmp"):
        if file.stat().st_mtime < (now - _ABANDONED_AFTER).timestamp():
            file.unlink()
    found = sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    for file in (old := found[:-keep]):
        file.unlink()
    return old


@contextmanager
def written(target: str, *, force: bool) -> Iterator[IO[bytes]]:
    """Yield a stream. The file has its name only once it is complete and on the disk; only its owner may read it."""
    if target == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            raise BackupError("The backup would be written to the terminal. Redirect the output, or name a file.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    file = Path(target)
    if file.exists() and not force:
        raise BackupError(f"{file} exists. Choose another name, or overwrite it with --force.")
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)  # with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _rename(temporary, file, force=force)
    finally:
        temporary.unlink(missing_ok=True)


def _rename(temporary: Path, file: Path, *, force: bool) -> None:
    if force:
        temporary.replace(file)
    else:
        try:
            os.link(temporary, file)  # unlike a rename, it never replaces a file that somebody has made since
        except FileExistsError:
            raise BackupError(f"{file} was made by somebody else in the meantime.") from None
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
