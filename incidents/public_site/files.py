"""Published files as answers ready to send: kept in memory, bounded, and checked against the file at each request."""

import gzip
import hashlib
import os
import re
import stat
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from time import monotonic

import brotli

from .headers import MEDIA_TYPES, document_headers
from .negotiation import IDENTITY

# What a 304 repeats of the 200 (RFC 9110 §15.4.5), and what another origin's script is asked for;
# of all else the reader's copy speaks.
_SAID_AGAIN = {"Access-Control-Allow-Origin", "Cache-Control", "Content-Location", "Last-Modified", "Vary"}

HeaderList = list[tuple[str, str]]
# Changes whenever the file is replaced: modified and changed (nanoseconds), size, inode.
Signature = tuple[int, int, int, int]

# Seconds. Under thousands of requests a second, asking the file system at each of them costs a
# fifth of all time: every question hands the interpreter to another thread.
SEEN_ENOUGH = 0.0005

# The paths of documents are made of these alone, so no trick with dots, slashes, backslashes,
# control characters or foreign encodings needs to be known by name: what does not match is not
# looked for. No part begins with a dot: half-written files do.
_PART = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_ENDINGS = "|".join(MEDIA_TYPES)
_PATH = re.compile(rf"/(?:{_PART}/)*(?:{_PART}\.(?:{_ENDINGS}))?")
_FOLDER = re.compile(rf"/{_PART}(?:/{_PART})*")
_LONGEST_PATH = 1024
_INDEX = "index.html"

# Coding, what it adds to a file's name, how to undo it; the first that a reader likes best is taken.
_PACKED: tuple[tuple[str, str, Callable[[bytes], bytes]], ...] = (
    ("br", ".br", brotli.decompress),
    ("gzip", ".gz", gzip.decompress),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One representation. The lists are sent as they are, many times: nobody may change them."""

    etag: str
    headers: HeaderList
    unchanged: HeaderList
    body: list[bytes]


@dataclass(slots=True)
class Published:
    """A document as it stood when its file had this signature; `answers` by coding, in our order of preference.

    `modified` is in seconds since 1970.
    """

    file: str
    signature: Signature
    modified: int
    answers: dict[str, Answer]
    codings: tuple[str, ...]
    # When the file was last seen to be this one, by the monotonic clock.
    seen: float = 0.0

    @property
    def size(self) -> int:
        return sum(len(part) for answer in self.answers.values() for part in answer.body)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is kept, the public path whose rules hold for it, and whether `/` led there."""

    file: Path
    path: str
    negotiated: bool = False


class Files:
    """The documents under `public_root` (and `static_root`, at `/static/`). Thread-safe.

    A document is named by its public path, or by a language: that is `/` for its
    readers. Memory holds at most `most_bytes` of bodies; what was read first leaves first.
    """

    def __init__(
        self,
        public_root: Path,
        static_root: Path,
        languages: tuple[str, ...],
        default_language: str,
        *,
        https: bool,
        most_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.languages, self.default_language, self.https = languages, default_language, https
        self._public_root, self._static_root = public_root, static_root
        self._most_bytes = most_bytes
        self._kept: dict[str, Published] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, name: str) -> Published | None:
        """The document as it stands now; None where there is none."""
        kept = self._kept.get(name)
        if kept is None:
            return self._read(name, None)
        now = monotonic()
        if now - kept.seen < SEEN_ENOUGH:
            return kept
        try:
            state = os.stat(kept.file)  # noqa: PTH116 — a Path would double what a request costs here
        except OSError as error:
            return self._missed(name, kept, error)
        if (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino) != kept.signature:
            return self._read(name, kept)
        kept.seen = now
        return kept

    def has_folder(self, path: str) -> bool:
        """Whether `path` lacks only the slash at its end to be a page."""
        return bool(_FOLDER.fullmatch(path[:_LONGEST_PATH])) and self.find(f"{path}/") is not None

    def _read(self, name: str, kept: Published | None) -> Published | None:
        place = self._place(name)
        if place is None:
            return None
        try:
            content, signature = _contents(place.file)
        except OSError as error:
            return self._missed(name, kept, error)
        published = self._prepare(place, content, signature)
        self._keep(name, published)
        return published

    def _missed(self, name: str, kept: Published | None, error: OSError) -> Published | None:
        """A file that is gone was withdrawn; where the disk fails, what is in memory is the newest there is."""
        if kept and not isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
            return kept
        self._forget(name)
        return None

    def _place(self, name: str) -> Place | None:
        if name in self.languages:
            return Place(self._public_root / name / _INDEX, f"/{name}/", negotiated=True)
        path = name
        if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path) or path.endswith(f"/{_INDEX}"):
            return None
        if path.startswith("/static/"):
            return None if path.endswith("/") else Place(self._static_root / path.removeprefix("/static/"), path)
        return Place(self._public_root / (path[1:] + (_INDEX if path.endswith("/") else "")), path)

    def _prepare(self, place: Place, content: bytes, signature: Signature) -> Published:
        bodies = {coding: packed for coding, packed in _packed(place.file, content) if packed} | {IDENTITY: content}
        modified = signature[0] // 1_000_000_000
        vary = ["Accept-Encoding"] if len(bodies) > 1 else []
        vary += ["Accept-Language"] if place.negotiated else []
        common = [
            *document_headers(place.path, self.languages, self.default_language, https=self.https),
            ("Last-Modified", formatdate(modified, usegmt=True)),
            *([("Vary", ", ".join(vary))] if vary else []),
            *([("Content-Location", place.path)] if place.negotiated else []),
        ]
        digest = hashlib.sha256(content).hexdigest()[:32]
        answers = {coding: _answer(digest, coding, body, common) for coding, body in bodies.items()}
        return Published(str(place.file), signature, modified, answers, tuple(answers))

    def _keep(self, name: str, published: Published) -> None:
        with self._lock:
            self._drop(name)
            if published.size > self._most_bytes:
                return
            self._kept[name] = published
            self._bytes += published.size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def _forget(self, name: str) -> None:
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        if gone := self._kept.pop(name, None):
            self._bytes -= gone.size


def _contents(file: Path) -> tuple[bytes, Signature]:
    """A file's bytes and the signature of exactly these bytes; a published file is never written in place."""
    with file.open("rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise FileNotFoundError(file)
        return stream.read(), (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)


def _packed(file: Path, content: bytes) -> list[tuple[str, bytes | None]]:
    """Each coding with its bytes, or None where these are missing or belong to another version."""
    return [(coding, _same(file.with_name(file.name + suffix), unpack, content)) for coding, suffix, unpack in _PACKED]


def _same(file: Path, unpack: Callable[[bytes], bytes], content: bytes) -> bytes | None:
    try:
        packed = file.read_bytes()
        return packed if unpack(packed) == content else None
    except (OSError, EOFError, zlib.error, brotli.error):
        return None


def _answer(digest: str, coding: str, body: bytes, common: HeaderList) -> Answer:
    """A strong ETag per encoding (RFC 9110 §8.8.3.3) that begins with the hash of what was packed."""
    etag = f'"{digest}"' if coding == IDENTITY else f'"{digest}-{coding}"'
    headers = [*common, ("ETag", etag), ("Content-Length", str(len(body)))]
    if coding != IDENTITY:
        headers.append(("Content-Encoding", coding))
    unchanged = [(name, value) for name, value in common if name in _SAID_AGAIN] + [("ETag", etag)]
    return Answer(etag, headers, unchanged, [body])
