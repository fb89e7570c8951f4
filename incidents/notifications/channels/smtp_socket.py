"""A connected socket on the event loop, plain or under TLS: what smtplib opened and asyncio's streams do not take."""

import asyncio
import socket
import ssl

_MOST = 65_536  # octets without the end of a line that are no reply any more


class SmtpSocket:
    """Made in the event loop; `release` before the socket is closed.

    What the other end says is kept from when it says it. Every failure is an OSError.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._heard = bytearray()
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        connected.setblocking(False)
        self._loop.add_reader(connected, self._hear)

    async def write(self, data: bytes, seconds: float) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._writable(seconds)

    async def line(self, seconds: float) -> bytes:
        """The next line, without its end."""
        while (end := self._heard.find(b"\n")) < 0:
            if self._failure is not None:
                raise self._failure
            await self._more(seconds)
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line.rstrip(b"\r")

    def release(self) -> None:
        self._loop.remove_reader(self._socket)

    async def _more(self, seconds: float) -> None:
        """Waits for whatever comes. A timer of our own costs a tenth of `asyncio.timeout`, twice for each letter."""
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _give_up, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    async def _writable(self, seconds: float) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._socket, ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        finally:
            self._loop.remove_writer(self._socket)

    def _hear(self) -> None:
        try:
            self._take_in()
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._fail(error)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_in(self) -> None:
        """One record of TLS may hold more than one reading takes, and the event loop knows nothing of it."""
        more = True
        while more:
            data = self._socket.recv(_MOST)
            self._heard += data
            if not data:
                self._fail(ConnectionError("The server closed the connection."))
            if len(self._heard) > _MOST:
                self._fail(ConnectionError("The server says more than a reply."))
            more = isinstance(self._socket, ssl.SSLSocket) and bool(data) and self._socket.pending() > 0

    def _fail(self, error: OSError) -> None:
        self._failure = error
        self.release()


def _give_up(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("The server says nothing."))
