"""Requests to a WSGI application without a server; wsgiref validates that both sides follow PEP 3333."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import WSGIApplication
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(application: WSGIApplication, path: str, *, method: str = "GET", query: str = "", **headers: str) -> Answer:
    """Send a request. `path` is percent-decoded, one character per byte; `Accept_Language="da"` sets a header."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    said: list[tuple[str, list[tuple[str, str]]]] = []
    result = validator(application)(environ, lambda status, fields, _error=None: said.append((status, fields)))  # type: ignore[arg-type]
    try:
        body = b"".join(result)
    finally:
        result.close()  # type: ignore[attr-defined]
    status, fields = said[-1]
    message = HTTPMessage()
    for name, value in fields:
        message[name] = value
    return Answer(int(status.split()[0]), message, body)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class calls it that
        """Nothing is logged."""


@contextmanager
def serving(application: WSGIApplication) -> Iterator[int]:
    """Serve the application and yield its port."""
    with make_server("127.0.0.1", 0, application, WSGIServer, _Quiet) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
