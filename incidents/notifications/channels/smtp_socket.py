"""A connected socket on the event loop, plain or TLS: smtplib opens it, and asyncio's streams cannot adopt it."""

import asyncio
import socket
import ssl

_MAX_UNREAD = 65_536  # octets; no reply is that long


class SmtpSocket:
    """Created in the event loop. Call `release` before the socket is closed.

    Data is buffered as soon as it arrives. Every failure is an OSError.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        connected.setblocking(False)
        self._loop.add_reader(connected, self._on_readable)

    async def write(self, data: bytes, seconds: float) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._wait_until_writable(seconds)

    async def read_line(self, seconds: float) -> bytes:
        """Return the next line without its ending."""
        while (end := self._received.find(b"\n")) < 0:
            if self._failure is not None:
                raise self._failure
            await self._wait_for_data(seconds)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line.rstrip(b"\r")

    def release(self) -> None:
        self._loop.remove_reader(self._socket)

    async def _wait_for_data(self, seconds: float) -> None:
        # A timer of our own costs a tenth of `asyncio.timeout`, and each message needs two.
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _time_out, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    async def _wait_until_writable(self, seconds: float) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._socket, ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        finally:
            self._loop.remove_writer(self._socket)

    def _on_readable(self) -> None:
        try:
            self._receive()
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._fail(error)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _receive(self) -> None:
        # Read until TLS has nothing buffered: the event loop does not see what is left of a TLS record.
        more = True
        while more:
            data = self._socket.recv(_MAX_UNREAD)
            self._received += data
            if not data:
                self._fail(ConnectionError("The server closed the connection."))
            if len(self._received) > _MAX_UNREAD:
                self._fail(ConnectionError("The server sent more than a reply."))
            more = isinstance(self._socket, ssl.SSLSocket) and bool(data) and self._socket.pending() > 0

    def _fail(self, error: OSError) -> None:
        self._failure = error
        self.release()


def _time_out(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("The server did not reply in time."))
