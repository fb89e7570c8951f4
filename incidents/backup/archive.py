"""The file of a backup: a tar with the database's dump in pieces, the public store, and last the manifest.

It is written and read as a stream, so it may be larger than the memory and may go through a pipe. A tar needs the size
of a file before its content; hence the pieces of the dump, whose size is not known while it is being made:
`database/00000`, `database/00001`, … joined are a file for `pg_restore`.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from .errors import BackupError
from .manifest import DATABASE, STORE, ArchivedPart, BackupFacts, Manifest, Tally

PIECE = 8 * 1024 * 1024  # bytes of the dump in memory at a time
_CHUNK = 1024 * 1024
_MANIFEST = "manifest.json"
_MAX_MANIFEST = 16 * 1024 * 1024


class ArchiveWriter:
    """Writes the parts to a stream. Call `finish` last: without the manifest a backup counts as incomplete."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `finish`
        self._tallies = {DATABASE: Tally(), STORE: Tally()}

    def add_dump(self, dump: IO[bytes]) -> None:
        """Add what `dump` yields until its end."""
        number = 0
        while piece := dump.read(PIECE):
            self._add(DATABASE, f"{number:05}", len(piece), 0, io.BytesIO(piece))
            number += 1

    def add_file(self, path: str, source: IO[bytes], size: int, modified: int) -> None:
        """Add a file of the store; `modified` is in seconds since 1970."""
        self._add(STORE, path, size, modified, source)

    def finish(self, facts: BackupFacts) -> Manifest:
        """Write the manifest and the end of the archive."""
        manifest = Manifest(facts, {name: tally.as_part() for name, tally in self._tallies.items()})
        content = manifest.to_bytes()
        self._tar.addfile(_header(_MANIFEST, len(content), int(facts.made_at.timestamp())), io.BytesIO(content))
        self._tar.close()
        return manifest

    def _add(self, part: str, path: str, size: int, modified: int, source: IO[bytes]) -> None:
        tally = self._tallies[part]
        tally.begin(path, size)
        self._tar.addfile(_header(f"{part}/{path}", size, modified), _Tallied(source, tally))


class _Tallied(io.RawIOBase):
    # What `tarfile` reads of the source is counted and hashed on its way.
    def __init__(self, source: IO[bytes], tally: Tally) -> None:
        self._source, self._tally = source, tally

    def read(self, size: int = -1) -> bytes:
        return self._tally.add(self._source.read(size))


def _header(name: str, size: int, modified: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = size, modified, 0o600
    return header


@dataclass(frozen=True)
class Entry:
    """A piece of the dump, or a file of the store. Read its chunks before the next entry."""

    part: str
    path: str
    modified: int
    chunks: Iterator[bytes]


class ArchiveReader:
    """Reads the parts from a stream and compares them with the manifest.

    Raises BackupError for anything that the writer cannot have written.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._tallies = {DATABASE: Tally(), STORE: Tally()}
        self.manifest: Manifest | None = None

    @property
    def parts(self) -> Mapping[str, ArchivedPart]:
        """What has been read so far."""
        return {name: tally.as_part() for name, tally in self._tallies.items()}

    def entries(self) -> Iterator[Entry]:
        """Yield the entries; after the last one everything is known to be complete and unchanged."""
        with _damage_explained(), tarfile.open(fileobj=self._stream, mode="r|") as tar:
            for member in tar:
                if self.manifest is not None:
                    raise BackupError("The backup is damaged: something follows its manifest.")
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise BackupError(f"The backup contains {member.name}, which is not a file.")
                if member.name == _MANIFEST:
                    self.manifest = Manifest.from_bytes(content.read(_MAX_MANIFEST))
                else:
                    yield self._entry(member, content)
            while self._stream.read(_CHUNK):
                pass  # to the end: age vouches for its last piece only when that has been read
        self._compare()

    def _entry(self, member: tarfile.TarInfo, content: IO[bytes]) -> Entry:
        part, _slash, path = member.name.partition("/")
        if (
            part not in self._tallies
            or not path
            or {"..", ""} & {*path.split("/")}
            or PurePosixPath(path).is_absolute()
        ):
            raise BackupError(f"The backup contains “{member.name}”, which does not belong into one.")
        tally = self._tallies[part]
        tally.begin(path, member.size)
        return Entry(part, path, int(member.mtime), _chunks(content, tally))

    def _compare(self) -> None:
        if self.manifest is None:
            raise BackupError("The backup is incomplete: its manifest is missing.")
        for name, part in self.parts.items():
            if part != self.manifest.parts.get(name):
                raise BackupError(f"The backup is damaged: part “{name}” is not what its manifest says.")


def _chunks(content: IO[bytes], tally: Tally) -> Iterator[bytes]:
    with _damage_explained():
        while chunk := content.read(_CHUNK):
            yield tally.add(chunk)


@contextmanager
def _damage_explained() -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise BackupError(f"The file is not a backup, or is incomplete: {error}.") from error
