"""The body of a request, read before the request takes one of Django's threads.

WSGI has no timeout for reading. Granian's `read(n)` returns when n octets have arrived or
the body has ended, so time can only be checked between reads: small ones while the body
is slow, larger ones while it is fast. A client that sends nothing at all holds its
thread until it closes the connection; a proxy that buffers bodies prevents that.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from time import monotonic
from wsgiref.types import WSGIEnvironment

from .slots import Slots

MAX_BODY = 1024 * 1024  # octets; nginx's default, and less than Django's
MIN_RATE = 500  # octets per second
GRACE = 3.0  # seconds after the first octet before the rate counts
_LARGEST_READ = 4096
_FAST = 0.01  # seconds

_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "TRACE"}


class TooSlow(Exception):
    """The body did not arrive in time, or not completely."""


class TooLarge(Exception):
    """The body has more than MAX_BODY octets."""


class NoPlace(Exception):
    """All places for readers of bodies are taken by slow clients."""


class Bodies:
    """Reads at most `places` bodies at a time, a quarter of them of one network, each within `deadline` seconds.

    At most `max_waiting` requests wait for a place, half of them of one network.
    """

    def __init__(self, places: int, max_waiting: int, *, deadline: float) -> None:
        self._deadline = deadline
        share = max(1, max_waiting // 2)
        self._places = Slots(places, max_waiting, share)
        self._most = places + max_waiting
        self._of_network = max(1, places // 4), share, share
        self._networks: dict[str, tuple[Slots, int]] = {}
        self._lock = threading.Lock()

    def read(self, environ: WSGIEnvironment, network: str) -> None:
        """Replace `wsgi.input` with the whole body. Raise TooSlow, TooLarge or NoPlace."""
        length = environ.get("CONTENT_LENGTH") or ""
        has_body = length not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ
        if environ["REQUEST_METHOD"] in _WITHOUT_BODY or not has_body:
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(), "0"
            return
        if length.isdecimal() and (len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY):
            raise TooLarge
        with self._place(network):
            body = _body(environ["wsgi.input"].read, int(length) if length.isdecimal() else None, self._deadline)
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)

    @contextmanager
    def _place(self, network: str) -> Iterator[None]:
        with self._lock:
            if sum(users for _own, users in self._networks.values()) >= self._most:
                raise NoPlace
            own, users = self._networks.get(network, (Slots(*self._of_network), 0))
            self._networks[network] = own, users + 1
        try:
            with _held(own, network), _held(self._places, network):
                yield
        finally:
            with self._lock:
                own, users = self._networks.pop(network)
                if users > 1:
                    self._networks[network] = own, users - 1


@contextmanager
def _held(slots: Slots, network: str) -> Iterator[None]:
    if not slots.acquire(network):
        raise NoPlace
    try:
        yield
    finally:
        slots.release()


def _body(read: Callable[[int], bytes], length: int | None, deadline: float) -> bytes:
    # Return the body. Without a length it is read to its end.
    parts: list[bytes] = []
    received, size, started, begun = 0, 1, monotonic(), 0.0
    while length is None or received < length:
        before = monotonic()
        part = read(size if length is None else min(size, length - received))
        now = monotonic()
        if not part:
            if length is not None:
                raise TooSlow  # the client broke off; a part of a form must not be saved
            break
        begun = begun or now  # a phone may send the headers, and the body seconds later
        parts.append(part)
        received += len(part)
        if received > MAX_BODY:
            raise TooLarge
        elapsed = now - begun
        if now - started > deadline or (elapsed > GRACE and received < MIN_RATE * elapsed):
            raise TooSlow
        size = min(2 * size, _LARGEST_READ) if now - before < _FAST else 1
    return b"".join(parts)
