"""Published files as responses ready to send: cached in bounded memory, and checked against the file."""

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

from ..metrics.requests import class_of_document
from .headers import MEDIA_TYPES, document_headers
from .negotiation import IDENTITY

# The headers of the 200 that a 304 repeats (RFC 9110 §15.4.5), and the one that scripts of other
# origins need; the reader's copy has the others.
_REPEATED_IN_304 = {"Access-Control-Allow-Origin", "Cache-Control", "Content-Location", "Last-Modified", "Vary"}

HeaderList = list[tuple[str, str]]
# Changes whenever the file is replaced: modified and changed (nanoseconds), size, inode.
Signature = tuple[int, int, int, int]

# Seconds. With thousands of requests a second, a `stat` for each of them costs a fifth of the time,
# because every system call releases the interpreter to another thread.
RECHECK_AFTER = 0.0005

# Paths of documents consist of these characters only. No other path is looked up, so tricks with
# dots, slashes, backslashes, control characters or encodings need no special handling. No part
# begins with a dot, as temporary files do, except the folder of RFC 8615.
_PART = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_ENDINGS = "|".join(MEDIA_TYPES)
_PATH = re.compile(rf"/(?:\.well-known/)?(?:{_PART}/)*(?:{_PART}\.(?:{_ENDINGS}))?")
_FOLDER = re.compile(rf"/{_PART}(?:/{_PART})*")
_LONGEST_PATH = 1024
_INDEX = "index.html"

# Content coding, suffix of the file, decompression; the first one that the reader prefers is used.
_CODINGS: tuple[tuple[str, str, Callable[[bytes], bytes]], ...] = (
    ("br", ".br", brotli.decompress),
    ("gzip", ".gz", gzip.decompress),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One representation. Its lists are sent many times and must not be modified."""

    etag: str
    headers: HeaderList
    unchanged: HeaderList
    body: list[bytes]


@dataclass(slots=True)
class Published:
    """A document as of the signature of its file; `answers` by coding, in the server's order of preference.

    `modified` is in seconds since 1970; `kind` is the class of its requests in the metrics.
    """

    file: str
    signature: Signature
    modified: int
    answers: dict[str, Answer]
    codings: tuple[str, ...]
    kind: str
    # When the file was last checked, in monotonic time.
    checked: float = 0.0

    @property
    def size(self) -> int:
        return sum(len(part) for answer in self.answers.values() for part in answer.body)


@dataclass(frozen=True, slots=True)
class Location:
    """The file of a document, the public path whose rules apply to it, and whether the request was for `/`."""

    file: Path
    path: str
    negotiated: bool = False


class Files:
    """The documents under `public_root` (and `static_root`, at `/static/`). Thread-safe.

    A document is named by its public path, or by a language: that is `/` in that
    language. At most `max_bytes` of bodies are cached; the oldest entries are evicted first.
    """

    def __init__(
        self,
        public_root: Path,
        static_root: Path,
        languages: tuple[str, ...],
        default_language: str,
        *,
        https: bool,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.languages, self.default_language, self.https = languages, default_language, https
        self._public_root, self._static_root = public_root, static_root
        self._max_bytes = max_bytes
        self._cache: dict[str, Published] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, name: str) -> Published | None:
        """Return the current document, or None."""
        cached = self._cache.get(name)
        if cached is None:
            return self._read(name, None)
        now = monotonic()
        if now - cached.checked < RECHECK_AFTER:
            return cached
        try:
            state = os.stat(cached.file)  # noqa: PTH116 — a Path would double the cost of a request here
        except OSError as error:
            return self._read_failed(name, cached, error)
        if (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino) != cached.signature:
            return self._read(name, cached)
        cached.checked = now
        return cached

    def has_folder(self, path: str) -> bool:
        """Whether `path` with a slash at its end is a page."""
        return bool(_FOLDER.fullmatch(path[:_LONGEST_PATH])) and self.find(f"{path}/") is not None

    def _read(self, name: str, cached: Published | None) -> Published | None:
        location = self._locate(name)
        if location is None:
            return None
        try:
            content, signature = _contents(location.file)
        except OSError as error:
            return self._read_failed(name, cached, error)
        published = self._prepare(location, content, signature)
        self._store(name, published)
        return published

    def _read_failed(self, name: str, cached: Published | None, error: OSError) -> Published | None:
        # Return the cached document if the disk fails; a missing file means that the document was withdrawn.
        if cached and not isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
            return cached
        self._evict(name)
        return None

    def _locate(self, name: str) -> Location | None:
        if name in self.languages:
            return Location(self._public_root / name / _INDEX, f"/{name}/", negotiated=True)
        path = name
        if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path) or path.endswith(f"/{_INDEX}"):
            return None
        if path.startswith("/static/"):
            return None if path.endswith("/") else Location(self._static_root / path.removeprefix("/static/"), path)
        return Location(self._public_root / (path[1:] + (_INDEX if path.endswith("/") else "")), path)

    def _prepare(self, location: Location, content: bytes, signature: Signature) -> Published:
        bodies = {coding: body for coding, body in _compressed(location.file, content) if body} | {IDENTITY: content}
        modified = signature[0] // 1_000_000_000
        vary = ["Accept-Encoding"] if len(bodies) > 1 else []
        vary += ["Accept-Language"] if location.negotiated else []
        common = [
            *document_headers(location.path, self.languages, self.default_language, https=self.https),
            ("Last-Modified", formatdate(modified, usegmt=True)),
            *([("Vary", ", ".join(vary))] if vary else []),
            *([("Content-Location", location.path)] if location.negotiated else []),
        ]
        digest = hashlib.sha256(content).hexdigest()[:32]
        answers = {coding: _answer(digest, coding, body, common) for coding, body in bodies.items()}
        return Published(
            str(location.file), signature, modified, answers, tuple(answers), class_of_document(location.path)
        )

    def _store(self, name: str, published: Published) -> None:
        with self._lock:
            self._remove(name)
            if published.size > self._max_bytes:
                return
            self._cache[name] = published
            self._bytes += published.size
            while self._bytes > self._max_bytes:
                self._remove(next(iter(self._cache)))

    def _evict(self, name: str) -> None:
        with self._lock:
            self._remove(name)

    def _remove(self, name: str) -> None:
        if removed := self._cache.pop(name, None):
            self._bytes -= removed.size


def _contents(file: Path) -> tuple[bytes, Signature]:
    # Return a file's bytes and their signature; they match, since published files are never written in place.
    with file.open("rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise FileNotFoundError(file)
        return stream.read(), (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)


def _compressed(file: Path, content: bytes) -> list[tuple[str, bytes | None]]:
    # Return each coding with its bytes, or None if they are missing or of another version.
    files = [(coding, file.with_name(file.name + suffix), unpack) for coding, suffix, unpack in _CODINGS]
    return [(coding, _read_if_same(compressed, unpack, content)) for coding, compressed, unpack in files]


def _read_if_same(file: Path, unpack: Callable[[bytes], bytes], content: bytes) -> bytes | None:
    try:
        compressed = file.read_bytes()
        return compressed if unpack(compressed) == content else None
    except (OSError, EOFError, zlib.error, brotli.error):
        return None


def _answer(digest: str, coding: str, body: bytes, common: HeaderList) -> Answer:
    # Return the representation, with a strong ETag per coding (RFC 9110 §8.8.3.3): the hash of the content first.
    etag = f'"{digest}"' if coding == IDENTITY else f'"{digest}-{coding}"'
    headers = [*common, ("ETag", etag), ("Content-Length", str(len(body)))]
    if coding != IDENTITY:
        headers.append(("Content-Encoding", coding))
    unchanged = [(name, value) for name, value in common if name in _REPEATED_IN_304] + [("ETag", etag)]
    return Answer(etag, headers, unchanged, [body])
