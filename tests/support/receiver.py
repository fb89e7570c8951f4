"""A scriptable web server that receives webhooks, with or without TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Self

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True)
class Posted:
    line: str
    headers: Message
    body: bytes
    server_name: str = ""


def answer(status: str, **headers: str) -> bytes:
    """`answer("503 Busy", retry_after="60")`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: 0\r\n\r\n".encode()


@dataclass
class Receiver:
    """`says` gets each request and returns the bytes of the response; with empty bytes the connection is closed."""

    says: Callable[[Posted], bytes] = lambda _posted: OK
    certificate: Path | None = None
    posted: list[Posted] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=1"

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _address = self._listening.accept()
                with contextlib.suppress(OSError), self._secured(wire) as secured:
                    self._serve(secured)

    def _secured(self, wire: socket.socket) -> socket.socket:
        if self.certificate is None:
            return wire
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        context.sni_callback = self._remember_name
        return context.wrap_socket(wire, server_side=True)

    def _remember_name(self, wire: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self._name = name or ""

    def _serve(self, wire: socket.socket) -> None:
        read = b""
        while b"\r\n\r\n" not in read:
            read += _receive(wire)
        head, _empty, body = read.partition(b"\r\n\r\n")
        line, _break, headers = head.partition(b"\r\n")
        fields = message_from_bytes(headers)
        while len(body) < int(fields["Content-Length"]):
            body += _receive(wire)
        posted = Posted(line.decode(), fields, body, getattr(self, "_name", ""))
        self.posted.append(posted)
        wire.sendall(self.says(posted))


def _receive(wire: socket.socket) -> bytes:
    piece = wire.recv(65536)
    if not piece:
        raise OSError("The client closed the connection.")
    return piece
