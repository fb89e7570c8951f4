"""Readers who request one page over many connections and check every response.

Written on plain streams, because it must cost less processor time than the server that it measures.
"""

import asyncio
import gzip
import hashlib
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: (\"[^\"]+\")", re.IGNORECASE)
_LINK = re.compile(rb'href="(/[^"#?]*)')
_ENCODINGS = (b"identity", b"gzip")


@dataclass
class Seen:
    """What all the readers saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)  # seconds
    reads: list[tuple[int, str]] = field(default_factory=list)  # time of the request (monotonic ns), hash in the ETag
    bodies: dict[str, bytes] = field(default_factory=dict)  # by the hash in the ETag
    torn: int = 0
    dead_links: set[str] = field(default_factory=set)


class Readers:
    def __init__(self, url: str, path: str, connections: int) -> None:
        self.host, self.port = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self.path, self.connections = path.encode(), connections
        self.seen = Seen()
        self._new: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self, seconds: float) -> Seen:
        """Request the page repeatedly for that many seconds."""
        end = time.monotonic() + seconds
        following = asyncio.create_task(self._follow_links())
        await asyncio.gather(*(self._one(number, end) for number in range(self.connections)))
        await self._new.join()
        following.cancel()
        return self.seen

    async def _one(self, number: int, end: float) -> None:
        """Every second reader accepts gzip, and every second one of each kind sends the ETag that it has."""
        encoding, revalidates = _ENCODINGS[number % 2], number // 2 % 2 == 0
        reader, writer = await asyncio.open_connection(self.host, self.port)
        etag = b""
        while time.monotonic() < end:
            asked = time.monotonic_ns()
            status, head, body = await self._request(reader, writer, self.path, encoding, etag if revalidates else b"")
            self.seen.latencies.append((time.monotonic_ns() - asked) / 1e9)
            self.seen.statuses[status] += 1
            if status in {200, 304} and (found := _ETAG.search(head)):
                etag = found[1]
                self.seen.reads.append((asked, _hash(etag)))
            if status == 200:
                self._check(etag, gzip.decompress(body) if encoding == b"gzip" else body)
        writer.close()

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: bytes, encoding: bytes, etag: bytes
    ) -> tuple[int, bytes, bytes]:
        known = b"If-None-Match: %s\r\n" % etag if etag else b""
        writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\n%s\r\n" % (path, encoding, known))
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _LENGTH.search(head)
        return status, head, await reader.readexactly(int(length[1])) if length and status != 304 else b""

    def _check(self, etag: bytes, body: bytes) -> None:
        """The ETag begins with the hash of the plain body. The links of each new body are followed."""
        if hashlib.sha256(body).hexdigest()[:32] != _hash(etag):
            self.seen.torn += 1
        elif _hash(etag) not in self.seen.bodies:
            self.seen.bodies[_hash(etag)] = body
            self._new.put_nowait(body)

    async def _follow_links(self) -> None:
        """Every published page that a body links to must exist at that moment."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        while True:
            body = await self._new.get()
            for path in {link for link in _LINK.findall(body) if b"/subscri" not in link}:
                status, _head, _body = await self._request(reader, writer, path, b"gzip", b"")
                if status != 200:
                    self.seen.dead_links.add(path.decode())
            self._new.task_done()


def _hash(etag: bytes) -> str:
    return etag.decode().strip('"').partition("-")[0]
