"""A connected socket on the event loop, plain or TLS. asyncio's streams cannot adopt one that uses TLS already."""

import asyncio
import contextlib
import socket
import ssl

from .base import Reply
from .reply_buffer import MAX_OCTETS, BrokenReply, ReplyBuffer, parse


class SmtpSocket:
    """Created in the event loop. Call `release` before the socket is closed.

    Data is buffered as soon as it arrives. Every failure is an OSError.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._replies = ReplyBuffer()
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0  # of the reply that is waited for
        self._timer: asyncio.TimerHandle | None = None
        connected.setblocking(False)
        self._loop.add_reader(connected, self._on_readable)

    async def write(self, data: bytes, seconds: float) -> None:
        """Write all of the data, within `seconds` altogether."""
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        if sent < len(data):
            async with asyncio.timeout(seconds):
                await self._write_rest(memoryview(data)[sent:])

    async def read_reply(self, seconds: float) -> Reply:
        """Return the next reply, of which all lines arrive within `seconds`."""
        if (lines := self._replies.take()) is None:
            deadline = self._loop.time() + seconds
            while lines is None:
                if self._failure is not None:
                    raise self._failure
                await self._wait_for_data(deadline)
                lines = self._replies.take()
        return parse(lines)

    def unasked(self) -> Reply | None:
        """Return what the server has sent although no command waits for a reply, or None."""
        if not self._replies.has_unread:
            return None
        with contextlib.suppress(BrokenReply):
            if (lines := self._replies.take()) is not None:
                return parse(lines)
        return Reply(0, "The server sent more than a reply.")

    def abort(self) -> None:
        """Make what is being read or written fail."""
        self._failure = self._failure or ConnectionAbortedError("The worker was stopped.")
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        self._loop.remove_reader(self._socket)
        self._set_timer(None)

    async def _wait_for_data(self, deadline: float) -> None:
        # One timer serves many replies: each message has two, and nearly all of them come long before.
        self._waiter = self._loop.create_future()
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer(deadline)
        await self._waiter

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._waiter.set_exception(TimeoutError("The server did not reply in time."))

    async def _write_rest(self, rest: memoryview) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._socket, ready.set)
        try:
            while rest:
                await ready.wait()
                ready.clear()
                with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                    rest = rest[self._socket.send(rest) :]
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
            data = self._socket.recv(MAX_OCTETS)
            if not data:
                self._fail(ConnectionError("The server closed the connection."))
            self._replies.feed(data)
            more = isinstance(self._socket, ssl.SSLSocket) and bool(data) and self._socket.pending() > 0

    def _fail(self, error: OSError) -> None:
        self._failure = self._failure or error
        self.release()
