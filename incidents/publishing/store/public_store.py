"""The public store: the published documents as files, which any file server can serve.

`/da/` is kept in `da/index.html`, `/da/feed.atom` in `da/feed.atom`, each text file
with `.gz` and `.br` beside it. A file is written under another name, synced and
renamed, so that a reader gets the old bytes or the new ones and never a part.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import brotli
from django.conf import settings

COMPRESSED = (".gz", ".br")
_TEXT = (".html", ".atom", ".rss", ".json", ".ics", ".svg", ".xml", ".txt", ".css", ".js")


@dataclass(frozen=True)
class Staged:
    """A file written under a temporary name, and where it belongs."""

    temporary: Path
    file: Path


class PublicStore:
    """Documents by their public path (`/da/`, `/badge.svg`). OSError means: not written, the old bytes stand."""

    PROBE = ".probe."
    ROOM = 64 * 1024  # bytes that a writable store must have left; a page with its compressed copies takes less

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root or settings.PUBLIC_ROOT)

    def file(self, path: str) -> Path:
        return self.root / (path.lstrip("/") + ("index.html" if path.endswith("/") else ""))

    def read(self, path: str) -> bytes | None:
        try:
            return self.file(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def modified(self, path: str) -> datetime | None:
        """When the stored document was written, to the second."""
        try:
            return datetime.fromtimestamp(self.file(path).stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stage(self, path: str, content: bytes, modified: datetime) -> list[Staged]:
        """Writes a document's files under other names beside where they belong; readers still get the old ones.

        The plain file comes last, so that equal plain bytes vouch for the compressed ones.
        """
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        staged = []
        try:
            if file.suffix in _TEXT:
                staged.append(_stage(file.with_name(f"{file.name}.br"), brotli.compress(content, quality=6), modified))
                staged.append(_stage(file.with_name(f"{file.name}.gz"), gzip.compress(content, 6, mtime=0), modified))
            staged.append(_stage(file, content, modified))
        except OSError:
            drop(staged)
            raise
        return staged

    def put_in_place(self, staged: Sequence[Staged]) -> None:
        """Makes staged files the public ones, in their order, once all of them are safe on the disk.

        A disk takes as long to sync many files at a time as to sync one.
        """
        try:
            with ThreadPoolExecutor(16) as threads:
                list(threads.map(_sync, [one.temporary for one in staged]))
                for one in staged:
                    one.temporary.replace(one.file)
                # The renames themselves must survive a power cut, too.
                list(threads.map(_sync, {one.file.parent for one in staged}))
        except OSError:
            drop(staged)
            raise

    def write(self, path: str, content: bytes, modified: datetime) -> None:
        """Replaces one document."""
        self.put_in_place(self.stage(path, content, modified))

    def delete(self, path: str) -> None:
        """Removes a document and the folders it leaves empty; one that is not there is no error."""
        file = self.file(path)
        for suffix in ("", *COMPRESSED):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        for folder in file.parents:
            if folder == self.root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def paths(self) -> Iterator[str]:
        """The public path of every stored document, in order; half-written and compressed files are passed over."""
        for file in sorted(self.root.rglob("*")):
            if file.is_file() and file.suffix not in COMPRESSED and not file.name.startswith("."):
                path = f"/{file.relative_to(self.root).as_posix()}"
                yield path.removesuffix("index.html") if path.endswith("/index.html") else path

    def check_writable(self) -> None:
        """Raises OSError where the store could not take another page: missing, full or read-only.

        Writes to a file without a name, which goes with the process. Where the
        system has none, the file has a name for a moment and counts as a leftover.
        """
        with tempfile.TemporaryFile(dir=self.root, prefix=self.PROBE, suffix=".tmp", buffering=0) as file:
            file.write(bytes(self.ROOM))

    def clear_leftovers(self) -> None:
        """Removes what a killed publisher left half-written; in a store that cannot be written it stays for now."""
        with suppress(OSError):
            for file in self.root.rglob(".*.tmp"):
                file.unlink(missing_ok=True)

    def copy_to(self, folder: Path) -> None:
        """A copy that a plain file host can serve: `/` is the default language's page there."""
        shutil.copytree(self.root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
        for file in (folder / settings.LANGUAGE_CODE).glob("index.html*"):
            shutil.copy2(file, folder)


def drop(staged: Sequence[Staged]) -> None:
    """Removes what was staged and will not be used."""
    for one in staged:
        one.temporary.unlink(missing_ok=True)


def _stage(file: Path, content: bytes, modified: datetime) -> Staged:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)
    staged = Staged(Path(name), file)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        staged.temporary.chmod(0o644)
        os.utime(staged.temporary, (modified.timestamp(), modified.timestamp()))
    except OSError:
        drop([staged])
        raise
    return staged


def _sync(path: Path) -> None:
    """Waits until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
