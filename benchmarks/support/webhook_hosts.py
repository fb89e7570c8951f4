"""Servers of webhooks in a process of their own: good ones on 127.0.0.1, wicked ones on 127.0.0.2."""

import asyncio
import contextlib
import itertools
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from benchmarks.support.commands import received

GOOD, WICKED = "127.0.0.1", "127.0.0.2"
_HANGS = 20  # seconds
_WICKED_ANSWERS = (
    b"HTTP/1.1 503 Busy\r\nRetry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999999\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999999999:00:00\r\n\r\n",
    b"\x00\x01 not http\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    b"HTTP/1.1 103 Hints\r\n\r\n" * 20_000,
    b"HTTP/1.1 " + b"9" * 100_000,
    b"",  # no answer, and the connection stays open
    b"HTTP/1.1 200 OK\r\nX: ",  # the same after the first line
)


class WebhookHosts:
    """The benchmark's side: it sends commands to the process of the servers."""

    def __init__(self, port: int, commands: Connection) -> None:
        self.port, self._commands = port, commands

    def reset(self) -> None:
        self._commands.send("reset")
        self._commands.recv()

    def good_posts(self) -> list[float]:
        """Return when each post to a good webhook was accepted (time.monotonic)."""
        self._commands.send("posts")
        found: list[float] = self._commands.recv()
        return found


@contextlib.contextmanager
def webhook_hosts() -> Iterator[WebhookHosts]:
    spawn = multiprocessing.get_context("spawn")
    own, its = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(its,), daemon=True)
    process.start()
    try:
        yield WebhookHosts(own.recv(), own)
    finally:
        process.terminate()
        process.join(30)


def _serve(commands: Connection) -> None:
    posts: list[float] = []
    wicked = itertools.cycle(_WICKED_ANSWERS)

    def answer() -> None:
        found = list(posts)
        if received(commands) == "reset":
            posts.clear()
        commands.send(found)

    async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_request(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        posts.append(time.monotonic())
        writer.close()

    async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await _read_request(reader)
            response = next(wicked)
            writer.write(response)
            await writer.drain()
            if len(response) < 100 and not response.endswith(b"\r\n\r\n"):
                await asyncio.sleep(_HANGS)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(good, GOOD, 0, backlog=500)
        port = server.sockets[0].getsockname()[1]
        await asyncio.start_server(bad, WICKED, port, backlog=500)
        commands.send(port)
        asyncio.get_running_loop().add_reader(commands.fileno(), answer)
        await server.serve_forever()

    asyncio.run(serve())


async def _read_request(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
