"""An SMTP server for tests and benchmarks: it keeps what it receives, and can be scripted to answer anything."""

import contextlib
import email
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Self

DROP = "drop"
USUAL = {"CONNECT": "220 mx.example.dk ESMTP", "DATA": "354 Go ahead", "DOT": "250 2.0.0 Taken"}


def as_usual(_stage: str, _recipient: str) -> None:
    """Accept every message."""


@dataclass(frozen=True)
class Received:
    """One message as it came over the connection."""

    recipient: str
    content: bytes
    sender: str = ""

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=policy.default)

    def text(self, kind: str = "plain") -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


@dataclass
class ScriptedServer:
    """Accepts every message that has a recipient, unless scripted.

    `says(stage, recipient)` may return a reply, or DROP to close the connection, or None for the
    usual reply. It may also block, like a server that does not reply. The stages are CONNECT,
    MAIL, RCPT, DATA and DOT (the end of the content).

    `received` has each message that was answered 2yz at its end, or whose connection was dropped
    there: a real server that closes at that moment may well keep the message.
    """

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")
    says: Callable[[str, str], str | None] = as_usual
    received: list[Received] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    max_open: int = 0  # connections at the same time; 0 means no limit
    open: int = 0
    accepts_data_without_recipient: bool = False

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen)]
        self._connections: list[socket.socket] = []
        self._counting = threading.Lock()
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def to(self, recipient: str) -> list[Received]:
        return [message for message in self.received if message.recipient == recipient]

    def count_attempts(self, stage: str, domain: str = "") -> int:
        return sum(1 for at, recipient in self.attempts if at == stage and recipient.endswith(domain))

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listening.accept()
                # As real servers do: a reply does not wait until the client has acknowledged the one before.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._connections.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=[connection]))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            if self._is_full():
                connection.sendall(b"421 4.7.0 mx.example.dk Error: too many connections\r\n")
                return
            try:
                _Dialogue(self, connection).run(lines)
            finally:
                with self._counting:
                    self.open -= 1

    def _is_full(self) -> bool:
        # Otherwise the connection counts as open.
        with self._counting:
            is_full = 0 < self.max_open <= self.open
            self.open += not is_full
        return is_full


class _Dialogue:
    """One connection. Methods that return a bool say whether it stays open."""

    def __init__(self, server: ScriptedServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.sender = self.recipient = ""
        self.has_recipient = False

    def run(self, lines: Iterable[bytes]) -> None:
        if not self.reply("CONNECT"):
            return
        content: list[bytes] | None = None
        for line in lines:
            if content is not None:
                if line == b".\r\n":
                    if not self.end(b"".join(content)):
                        return
                    content = None
                else:
                    content.append(line.removeprefix(b"."))
            elif line[:4].upper() == b"DATA":
                if not self.reply("DATA"):
                    return
                content = [] if self.last.startswith("354") else None
            elif not self.command(line.decode().strip()):
                return

    def command(self, line: str) -> bool:
        verb = line[:4].upper()
        if verb == "EHLO":
            names = ["mx.example.dk", *self.server.extensions]
            self.write("\r\n".join([*(f"250-{name}" for name in names[:-1]), f"250 {names[-1]}"]))
            return True
        if verb == "MAIL":
            self.sender = line[line.index("<") + 1 : line.index(">")]
        if verb == "RCPT":
            self.recipient = line[line.index("<") + 1 : line.rindex(">")]
        if verb in {"MAIL", "RCPT"}:
            stays_open = self.reply(verb)
            self.has_recipient = verb == "RCPT" and self.last.startswith("2")
            return stays_open
        self.write("221 Bye" if verb == "QUIT" else "250 OK")
        return verb != "QUIT"

    def end(self, content: bytes) -> bool:
        if not self.has_recipient:
            self.write("554 5.5.1 No valid recipients")
            return True
        stays_open = self.reply("DOT")
        if self.last == DROP or self.last.startswith("2"):
            self.server.received.append(Received(self.recipient, content, self.sender))
        return stays_open

    def reply(self, stage: str) -> bool:
        self.server.attempts.append((stage, self.recipient))
        self.last = self.server.says(stage, self.recipient) or self.usual(stage)
        if self.last != DROP:
            self.write(self.last)
        return self.last != DROP and not self.last.startswith("421")

    def usual(self, stage: str) -> str:
        if stage == "DATA" and not (self.has_recipient or self.server.accepts_data_without_recipient):
            return "503 5.5.1 No valid recipients"
        return USUAL.get(stage, "250 OK")

    def write(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")
