"""Verifies a backup: all of it is read, decrypted, hashed and compared, and `pg_restore` lists the dump."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.db.migrations.loader import MigrationLoader

from . import programs
from .archive import ArchiveReader
from .encryption import MAGIC, Identity, decrypted
from .errors import BackupError
from .manifest import DATABASE, Manifest

Watched = Callable[[IO[bytes]], IO[bytes]]


@contextmanager
def opened(file: Path, identities: Sequence[Identity], watched: Watched) -> Iterator[ArchiveReader]:
    """Open a backup; `watched` gets the stream of the file and returns it, for a progress bar."""
    try:
        source = file.open("rb")
    except OSError as error:
        raise BackupError(f"The backup cannot be read: {error}.") from error
    with source:
        is_encrypted = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        if not is_encrypted:
            yield ArchiveReader(watched(source))
        elif not identities:
            raise BackupError("The backup is encrypted. Name the file with the secret key: --identity FILE.")
        else:
            with decrypted(watched(source), identities) as stream:
                yield ArchiveReader(stream)


def verify(file: Path, *, identities: Sequence[Identity] = (), watched: Watched = lambda stream: stream) -> Manifest:
    """Read all of a backup and return its manifest. Raises BackupError with what is wrong."""
    with opened(file, identities, watched) as reader, tempfile.TemporaryFile() as contents:
        for entry in reader.entries():
            # Its table of contents is at the beginning of a dump; the rest is covered by the hashes.
            listed = entry.part == DATABASE and entry.path == "00000"
            for chunk in entry.chunks:
                if listed:
                    contents.write(chunk)
        contents.seek(0)
        _list_dump(contents)
        assert reader.manifest  # noqa: S101 - `entries` has raised an error without one
        _refuse_newer(reader.manifest)
        return reader.manifest


def _list_dump(dump: IO[bytes]) -> None:
    listed = subprocess.run(  # noqa: S603 - PostgreSQL's program
        [programs.find() / "pg_restore", "--list"], stdin=dump, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise BackupError(f"pg_restore cannot read the dump: {listed.stderr.strip()}")
    if "TABLE DATA public django_migrations" not in listed.stdout:
        raise BackupError("The dump is not one of a status page: it has no table django_migrations.")


def _refuse_newer(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.facts.migrations) - known):
        raise BackupError(
            f"The backup was made by version {manifest.facts.version}, which is newer than this one: it has the "
            f"migration {unknown[-1]}. Upgrade first."
        )
