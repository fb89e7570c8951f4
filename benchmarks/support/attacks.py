"""Attacks on a web server, each in a process of its own that yields to all others at once.

`python -m benchmarks.support.attacks NAME PORT` attacks the server on that port of this machine until it is stopped.
"""

import asyncio
import contextlib
import itertools
import os
import random
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from urllib.parse import urlencode

from statuspage.local.paths import ROOT

SOURCE = "127.0.0.3"  # so that a limit per client hits no reader
FORM_OPEN = 2.2  # seconds; forms that are sent sooner are refused
IDLE = 1_500
_STAMP = re.compile(rb'name="stamp" value="([^"]+)"')
_networks = itertools.count()
_WORDS = ("mail", "web", "DNS", "fejl", "delivery", "a" * 200, '"', "%", "mail or dns -web", "søgning")


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(SOURCE, 0))


async def request(port: int, head: str, body: bytes = b"") -> bytes:
    """Send a request on a new connection, from a new network in the eyes of a server that trusts us as a proxy."""
    number = next(_networks)
    reader, writer = await connect(port)
    network = f"X-Forwarded-For: 10.{number // 250 % 250}.{number % 250}.9\r\n"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{head}\r\nHost: localhost\r\nConnection: close\r\n{network}{length}\r\n".encode() + body)
    found = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return found


async def slow_bodies(port: int) -> None:
    """A form whose body arrives at one byte per second."""
    reader, writer = await connect(port)
    head = "POST /da/subscribe/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    writer.write(f"{head}Content-Length: 5000\r\n\r\n".encode())
    while not reader.at_eof() and not writer.is_closing():
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(1)
    writer.close()


async def idle_connections(port: int) -> None:
    """A connection without a request; every third one requests a page and never reads the response."""
    reader, writer = await connect(port)
    if random.random() < 1 / 3:
        writer.write(b"GET /da/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.readexactly(10_000_000), 60)
    writer.close()


async def header_bombs(port: int) -> None:
    """A request with 60 kB of one header that costs a careless parser most."""
    name, value = random.choice(
        [
            ("Accept-Language", "a-" * 30_000),
            ("Accept-Encoding", "gzip;q=0," * 6_000),
            ("If-None-Match", '"a",' * 15_000),
            ("Cookie", "a=b;" * 15_000),
            ("Forwarded", "for=1.2.3.4," * 5_000),
        ]
    )
    path = random.choice(["/", "/da/", "/da/subscribe/"])
    await request(port, f"GET {path} HTTP/1.1\r\n{name}: {value}")
    await asyncio.sleep(0.5)


async def sign_up_flood(port: int) -> None:
    """The public form, sent as a browser does, always with another address."""
    page = await request(port, "GET /da/subscribe/ HTTP/1.1")
    await asyncio.sleep(FORM_OPEN)
    stamp = _STAMP.search(page)
    fields = {"address": f"flood{next(_networks)}@example.dk", "wants_incidents": "on", "scope": "all"}
    body = urlencode({**fields, "stamp": stamp[1].decode() if stamp else ""}).encode()
    await request(port, "POST /da/subscribe/ HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded", body)


async def search_flood(port: int) -> None:
    """Searches for common, odd and long words."""
    query = urlencode({"q": f"{random.choice(_WORDS)} {next(_networks)}"})
    await request(port, f"GET /da/search/?{query} HTTP/1.1")
    await asyncio.sleep(0.5)


# Each attack, and how many of it run at a time.
ATTACKS: dict[str, tuple[Callable[[int], Coroutine[None, None, None]], int]] = {
    "slow_bodies": (slow_bodies, 60),
    "idle_connections": (idle_connections, IDLE),
    "header_bombs": (header_bombs, 20),
    "sign_up_flood": (sign_up_flood, 60),
    "search_flood": (search_flood, 20),
}


async def repeat(attack: Callable[[int], Coroutine[None, None, None]], port: int) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            await attack(port)
        await asyncio.sleep(0.1)


async def attack(name: str, port: int) -> None:
    run, number = ATTACKS[name]
    await asyncio.gather(*(repeat(run, port) for _ in range(number)))


@contextlib.contextmanager
def attacking(name: str, port: int) -> Iterator[None]:
    """Attack the server on `port` as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.support.attacks", name, str(port)], cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _yield_to_others() -> None:
    # A niceness of 19 is not enough: the scheduler lets such a process finish its slice of some milliseconds.
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


if __name__ == "__main__":
    _yield_to_others()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socket.setdefaulttimeout(60)
    asyncio.run(attack(sys.argv[1], int(sys.argv[2])))
