"""The public store: the published documents as files, which any file server can serve.

`/da/` is stored in `da/index.html`, `/da/feed.atom` in `da/feed.atom`, each text file
with `.gz` and `.br` beside it. A file is written under a temporary name, synced and
renamed, so that a reader gets either the old or the new bytes and never a part.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import brotli
from django.conf import settings

COMPRESSED = (".gz", ".br")
_SYNC_THREADS = 16
_WINDOW = 18  # 256 KB, which few documents exceed; Brotli's own default takes 4 MB for each of them
_TEXT_SUFFIXES = (".html", ".atom", ".rss", ".json", ".ics", ".svg", ".xml", ".txt", ".css", ".js")


@dataclass(frozen=True)
class Staged:
    """A file written under a temporary name, and its final place."""

    temporary: Path
    file: Path


class PublicStore:
    """Documents by their public path (`/da/`, `/badge.svg`). After an OSError the old bytes are still in place."""

    PROBE_PREFIX = ".probe."
    MIN_FREE_BYTES = 64 * 1024  # a page and its compressed files take less

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root or settings.PUBLIC_ROOT)
        self._threads = ThreadPoolExecutor(_SYNC_THREADS, "sync")  # which are started once there is something to sync

    def file(self, path: str) -> Path:
        return self.root / (path.lstrip("/") + ("index.html" if path.endswith("/") else ""))

    def read(self, path: str) -> bytes | None:
        try:
            return self.file(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def modified(self, path: str) -> datetime | None:
        """Return when the stored document was written, to the second."""
        try:
            return datetime.fromtimestamp(self.file(path).stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stage(self, path: str, content: bytes, modified: datetime) -> list[Staged]:
        """Write a document's files under temporary names beside their places; readers still get the old ones.

        The plain file comes last: if its bytes are in place, the compressed files are too.
        """
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        staged, at = [], modified.timestamp()
        try:
            if file.suffix in _TEXT_SUFFIXES:
                packed = brotli.compress(content, quality=6, lgwin=_WINDOW)
                staged.append(_stage(file.with_name(f"{file.name}.br"), [packed], at))
                staged.append(_stage(file.with_name(f"{file.name}.gz"), [gzip.compress(content, 6, mtime=0)], at))
            staged.append(_stage(file, [content], at))
        except OSError:
            discard(staged)
            raise
        return staged

    def put_in_place(self, staged: Sequence[Staged]) -> None:
        """Publish staged files in their order, once all of them are synced to the disk.

        Syncing many files at once takes a disk as long as syncing one.
        """
        try:
            self._sync_all([file.temporary for file in staged])
            for file in staged:
                file.temporary.replace(file.file)
            # The renames themselves must survive a power cut, too.
            self._sync_all(list({file.file.parent for file in staged}))
        except OSError:
            discard(staged)
            raise

    def write(self, path: str, content: bytes, modified: datetime) -> None:
        """Replace one document."""
        self.put_in_place(self.stage(path, content, modified))

    def _sync_all(self, paths: Sequence[Path]) -> None:
        # A task per thread: one per file would cost more than the call itself.
        list(self._threads.map(_sync, (paths[first::_SYNC_THREADS] for first in range(_SYNC_THREADS))))

    def delete(self, path: str) -> None:
        """Remove a document, if it exists, and the folders that become empty."""
        file = self.file(path)
        for suffix in ("", *COMPRESSED):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        for folder in file.parents:
            if folder == self.root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def paths(self) -> Iterator[str]:
        """Yield the public path of every stored document, in order, without temporary and compressed files."""
        for name in self.files():
            if not name.endswith(COMPRESSED):
                path = f"/{name}"
                yield path.removesuffix("index.html") if path.endswith("/index.html") else path

    def files(self) -> Iterator[str]:
        """Yield the path of every published file below the root, in order, compressed ones too: for a backup."""
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            inside = os.path.relpath(folder, self.root)
            for name in sorted(names):
                if not name.startswith("."):
                    yield name if inside == os.curdir else f"{inside}/{name}"

    def put_back(self, path: str, chunks: Iterable[bytes], modified: int) -> None:
        """Write a file that `files` listed as it was, with its time. It is not synced to the disk.

        Raises OSError if a folder of it is a link that leads out of the store.
        """
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.parent.resolve().is_relative_to(self.root.resolve()):
            raise OSError(f"{file.parent} is not in the public store")
        staged = _stage(file, chunks, modified)
        staged.temporary.replace(file)

    def check_writable(self) -> None:
        """Raise OSError if the store could not take another page: it is missing, full or read-only.

        Writes to an unnamed file, which ends with the process. On systems without
        unnamed files it has a name for a moment and counts as a leftover.
        """
        with tempfile.TemporaryFile(dir=self.root, prefix=self.PROBE_PREFIX, suffix=".tmp", buffering=0) as file:
            file.write(bytes(self.MIN_FREE_BYTES))

    def half_written(self) -> list[Path]:
        """Return the files of a publisher that was killed, or is running. A long history takes half a second."""
        return list(self.root.rglob(".*.tmp"))

    def remove_leftovers(self, files: Iterable[Path]) -> None:
        """Remove half-written files; they remain if the store cannot be written."""
        with suppress(OSError):
            for file in files:
                file.unlink(missing_ok=True)

    def copy_to(self, folder: Path) -> None:
        """Copy the store for a plain file host, where `/` is the home page in the default language."""
        shutil.copytree(self.root, folder, dirs_exist_ok=True, ignore=_unpublished)
        for file in (folder / settings.LANGUAGE_CODE).glob("index.html*"):
            shutil.copy2(file, folder)


def _unpublished(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(".") and name != ".well-known"}


def discard(staged: Sequence[Staged]) -> None:
    """Remove staged files that will not be used."""
    for file in staged:
        file.temporary.unlink(missing_ok=True)


def _stage(file: Path, chunks: Iterable[bytes], modified: float) -> Staged:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)
    staged = Staged(Path(name), file)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(chunks)
        staged.temporary.chmod(0o644)
        os.utime(staged.temporary, (modified, modified))
    except OSError:
        discard([staged])
        raise
    return staged


def _sync(paths: Iterable[Path]) -> None:
    # Wait until the bytes of files, or the names in folders, are on the disk.
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
