"""The public store: the published documents as files, which any file server can serve.

`/da/` is kept in `da/index.html`, `/da/feed.atom` in `da/feed.atom`, each text file
with `.gz` and `.br` beside it. A file is written under another name, synced and
renamed, so that a reader gets the old bytes or the new ones and never a part.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import brotli
from django.conf import settings

COMPRESSED = (".gz", ".br")
_TEXT = (".html", ".atom", ".rss", ".json", ".ics", ".svg", ".xml", ".txt", ".css", ".js")


class PublicStore:
    """Documents by their public path (`/da/`, `/badge.svg`). OSError means: not written, the old bytes stand."""

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

    def write(self, path: str, content: bytes, modified: datetime) -> None:
        """Replaces a document; the plain file comes last, so that equal plain bytes vouch for the others."""
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in _TEXT:
            _replace(file.with_name(f"{file.name}.br"), brotli.compress(content, quality=6), modified)
            _replace(file.with_name(f"{file.name}.gz"), gzip.compress(content, 6, mtime=0), modified)
        _replace(file, content, modified)
        _sync_folder(file.parent)

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

    def clear_leftovers(self) -> None:
        """Removes what a killed publisher left half-written."""
        for file in self.root.rglob(".*.tmp"):
            file.unlink(missing_ok=True)

    def copy_to(self, folder: Path) -> None:
        shutil.copytree(self.root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))


def _replace(file: Path, content: bytes, modified: datetime) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        os.utime(temporary, (modified.timestamp(), modified.timestamp()))
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Makes the renames themselves survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
