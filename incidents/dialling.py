"""Connections to hosts that have several addresses (RFC 8305, simplified), within a time limit."""

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Self

ATTEMPT_DELAY = 0.25  # seconds until the next address is tried too (RFC 8305 §8)
MAX_ADDRESSES = 8
# Lookups at the same time. One that was given up keeps its thread until the resolver of the machine gives up too.
_lookups = BoundedSemaphore(200)

Resolver = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Deadline:
    """The moment at which something has to end, on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def within(self, seconds: float) -> "Deadline":
        """Return this deadline or one in so many seconds, whichever is earlier."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)

    def remaining(self) -> float:
        """Return the seconds that are left, or raise TimeoutError."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def resolve(resolver: Resolver, host: str, port: int, deadline: Deadline) -> list[str]:
    """Return what the resolver returns, or raise what it raises, or TimeoutError.

    The resolver has its own thread: getaddrinfo has no time limit and cannot be interrupted.
    """
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()
    lookups = _lookups
    if not lookups.acquire(timeout=deadline.remaining()):
        raise TimeoutError

    def look_up() -> None:
        try:
            answers.put(_answer(resolver, host, port))
        finally:
            lookups.release()

    try:
        Thread(target=look_up, name="resolver", daemon=True).start()
    except BaseException:
        lookups.release()
        raise
    try:
        answer = answers.get(timeout=deadline.remaining())
    except Empty as error:
        raise TimeoutError from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def addresses_of(host: str, port: int) -> list[str]:
    """Ask the resolver of this machine."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in found))


def interleave(addresses: Sequence[str]) -> list[str]:
    """Alternate IPv6 and IPv4 in the order of the resolver (RFC 8305 §4); at most MAX_ADDRESSES."""
    first, second = list[str](), list[str]()
    for address in addresses:
        (first if _family(address) == _family(addresses[0]) else second).append(address)
    pairs = zip_longest(first, second)
    return [address for pair in pairs for address in pair if address is not None][:MAX_ADDRESSES]


def connect_first(addresses: Sequence[str], port: int, deadline: Deadline) -> tuple[socket.socket, str]:
    """Return a connection to the first address that accepts one, and this address.

    The next address is tried as soon as one fails, and after ATTEMPT_DELAY also while it is still
    being tried. Raises the error of the last one that failed, or TimeoutError.
    """
    untried, error = list(addresses), OSError("No address")
    with selectors.DefaultSelector() as trying:
        try:
            while untried or trying.get_map():
                if untried:
                    error = _start(untried.pop(0), port, trying) or error
                for attempt, address in _ended(trying, deadline, has_more=bool(untried)):
                    if not (code := attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        return attempt, address
                    attempt.close()
                    error = OSError(code, os.strerror(code))
            raise error
        finally:
            for key in list(trying.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _answer(resolver: Resolver, host: str, port: int) -> list[str] | Exception:
    try:
        return resolver(host, port)
    except Exception as error:  # raised in the thread that waits
        return error


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _start(address: str, port: int, trying: selectors.BaseSelector) -> OSError | None:
    # Begin to connect. Return the error if this fails at once.
    try:
        attempt = socket.socket(_family(address), socket.SOCK_STREAM)
    except OSError as error:  # this machine has no IPv6
        return error
    attempt.setblocking(False)
    trying.register(attempt, selectors.EVENT_WRITE, address)
    try:
        attempt.connect((address, port))
    except BlockingIOError:
        return None
    except OSError as error:
        trying.unregister(attempt)
        attempt.close()
        return error
    return None


def _ended(trying: selectors.BaseSelector, deadline: Deadline, *, has_more: bool) -> list[tuple[socket.socket, str]]:
    # Wait for an attempt to succeed or fail, but no longer than until the next one can start. It belongs to the caller.
    if not trying.get_map():
        return []
    wait = deadline.remaining()
    ready = trying.select(min(wait, ATTEMPT_DELAY) if has_more else wait)[:1]
    for key, _events in ready:
        trying.unregister(key.fileobj)
    return [(key.fileobj, key.data) for key, _events in ready]  # type: ignore[misc]
