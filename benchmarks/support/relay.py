"""A mail relay in a process of its own, fast enough not to be the limit, that can defer the mail of some domains."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.support.commands import received

BUSY = b"451 4.7.500 Server busy. Please try again later"
# When a recipient was accepted (time.monotonic), and its address.
Accepted = list[tuple[float, str]]


@dataclass
class Relay:
    """The benchmark's side: it sends commands to the process of the relay."""

    port: int
    _commands: Connection

    def reset(self, deferring: Collection[str] = ()) -> None:
        """Forget what was received, and defer mail to these domains from now on."""
        self._ask("reset", set(deferring))

    def accepted(self) -> Accepted:
        found: Accepted = self._ask("accepted")
        return found

    def count_accepted(self) -> int:
        found: int = self._ask("count")
        return found

    def deferred(self) -> list[str]:
        """Return the recipients that were deferred, in order."""
        found: list[str] = self._ask("deferred")
        return found

    def _ask(self, *command: object) -> Any:
        self._commands.send(command)
        return self._commands.recv()


@contextlib.contextmanager
def relay(pause: float = 0) -> Iterator[Relay]:
    """A running relay, which waits for `pause` seconds before it confirms a message."""
    spawn = multiprocessing.get_context("spawn")
    own, its = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(its, pause), daemon=True)
    process.start()
    try:
        yield Relay(own.recv(), own)
    finally:
        process.terminate()
        process.join(30)


@dataclass
class _State:
    pause: float
    deferring: set[str] = field(default_factory=set)
    accepted: Accepted = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)

    def answer(self, command: str, *arguments: set[str]) -> object:
        if command == "reset":
            self.deferring, self.accepted, self.deferred = arguments[0], [], []
        return {"accepted": self.accepted, "count": len(self.accepted), "deferred": self.deferred}.get(command)


def _serve(commands: Connection, pause: float) -> None:
    state = _State(pause)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Session(state), "127.0.0.1", 0, backlog=200)
        commands.send(server.sockets[0].getsockname()[1])
        loop.add_reader(commands.fileno(), lambda: commands.send(state.answer(*received(commands))))
        await server.serve_forever()

    asyncio.run(serve())


class _Session(asyncio.Protocol):
    """One connection. Pipelined commands are answered together, as real servers do."""

    transport: asyncio.Transport

    def __init__(self, state: _State) -> None:
        self.state = state
        self.received = b""
        self.recipient = ""
        self.is_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        replies = []
        while found := self._next():
            replies.append(self._end() if found == b"." else self._reply(found))
        if answer := b"".join(reply + b"\r\n" for reply in replies if reply):
            self.transport.write(answer)

    def _next(self) -> bytes:
        # Return the next command, or a dot at the end of the content; empty if it is not complete yet.
        end = b"\r\n.\r\n" if self.is_content else b"\r\n"
        line, found, rest = self.received.partition(end)
        if not found:
            return b""
        self.received = rest
        return b"." if self.is_content else line or b"NOOP"

    def _reply(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-relay.example\r\n250-PIPELINING\r\n250 8BITMIME"
        if verb == b"RCPT":
            return self._recipient(line[line.index(b"<") + 1 : line.rindex(b">")].decode())
        if verb == b"DATA":
            self.is_content = bool(self.recipient)
            return b"354 Go ahead" if self.recipient else b"503 5.5.1 No valid recipients"
        if verb == b"QUIT":
            self.transport.close()
            return b""
        if verb in {b"MAIL", b"RSET"}:
            self.recipient = ""
        return b"250 2.0.0 OK"

    def _recipient(self, address: str) -> bytes:
        if address.rpartition("@")[2] in self.state.deferring:
            self.state.deferred.append(address)
            return BUSY
        self.recipient = address
        return b"250 2.1.5 OK"

    def _end(self) -> bytes:
        # It has the message before it confirms it, as real servers do: a client killed in between sends it again.
        self.state.accepted.append((time.monotonic(), self.recipient))
        self.is_content, self.recipient = False, ""
        if not self.state.pause:
            return b"250 2.0.0 Accepted"
        asyncio.get_running_loop().call_later(self.state.pause, self._confirm)
        return b""

    def _confirm(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"250 2.0.0 Accepted\r\n")
