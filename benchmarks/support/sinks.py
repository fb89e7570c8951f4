"""Mail servers that accept everything: Postfix's smtp-sink, and a server that pauses before each reply."""

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

from benchmarks.results import Missing
from harness.ports import free_port


def postfix(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        raise Missing(f"{program} is missing: it is part of Postfix (Debian: apt-get install postfix)")
    return found


def as_nobody() -> list[str]:
    """Postfix's programs refuse to run as root."""
    return ["-u", "nobody"] if os.getuid() == 0 else []


@contextlib.contextmanager
def sink(*options: str) -> Iterator[int]:
    """The port of a running smtp-sink."""
    port = free_port()
    process = subprocess.Popen([postfix("smtp-sink"), *as_nobody(), *options, f"127.0.0.1:{port}", "1000"])
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def slow_sink(pause: float) -> Iterator[int]:
    """The port of a server that pauses before each reply; pipelined commands are answered one after the other."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=_serve_slowly, args=(port, pause), daemon=True)
    process.start()
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.join(30)


def _serve_slowly(port: int, pause: float) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: _dialogue(reader, writer, pause), "127.0.0.1", port, backlog=200
        )
        await server.serve_forever()

    asyncio.run(serve())


async def _dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float) -> None:
    reply = b"220 slow ESMTP"
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while reply:
            await asyncio.sleep(pause)
            writer.write(reply + b"\r\n")
            reply = await _answer(reader, reply)
    writer.close()


async def _answer(reader: asyncio.StreamReader, last: bytes) -> bytes:
    """The reply to the next command, or to the content after a 354; empty once the client has gone."""
    if last.startswith(b"354"):
        await reader.readuntil(b"\r\n.\r\n")
        return b"250 2.0.0 Accepted"
    verb = (await reader.readline())[:4].upper()
    return {b"EHLO": b"250-slow\r\n250 PIPELINING", b"DATA": b"354 Go ahead", b"QUIT": b"", b"": b""}.get(
        verb, b"250 OK"
    )
