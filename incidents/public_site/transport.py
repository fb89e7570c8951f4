"""Carries requests and responses between the web server's process and the one that runs Django.

Both hold one end of a pair of sockets and exchange messages (`multiprocessing.connection`). A
request is two: the strings of its environment as JSON, and its body. A response is: status,
headers and size as JSON, and the body in parts. An empty message instead says that the
application raised. The response is complete before it is sent, so it cannot fail halfway.
"""

import contextlib
import io
import json
import logging
import sys
import tempfile
from collections.abc import Iterable
from multiprocessing.connection import Connection
from threading import Thread
from typing import IO, Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from ..log_context import REQUEST_ID, in_request

logger = logging.getLogger(__name__)

Headers = list[tuple[str, str]]

IN_MEMORY = 1024 * 1024  # octets of a response; a longer one is kept in a temporary file
PART = 64 * 1024


class NotAnswered(Exception):
    """The other process gave no response. It has logged why, or has ended."""


class ApplicationFailed(NotAnswered):
    """The application raised."""


def send_request(connection: Connection, environ: WSGIEnvironment) -> None:
    """Send a request whose `wsgi.input` has been read completely and has CONTENT_LENGTH octets."""
    strings = {name: value for name, value in environ.items() if isinstance(value, str)}
    connection.send_bytes(json.dumps(strings).encode())
    connection.send_bytes(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))


def receive_response(connection: Connection) -> tuple[str, Headers, IO[bytes]]:
    """Return status, headers and body. Raise ApplicationFailed, or EOFError if the other process has ended."""
    head = connection.recv_bytes()
    if not head:
        raise ApplicationFailed
    status, headers, size = json.loads(head)
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (the caller closes it)
    while body.tell() < size:
        body.write(connection.recv_bytes())
    body.seek(0)
    return status, [(name, value) for name, value in headers], body


def serve(application: WSGIApplication, descriptors: Iterable[int]) -> None:
    """Answer the requests of these connections, each in a thread of its own, until the other process closes them."""
    threads = [Thread(target=_answer, args=(application, Connection(number))) for number in descriptors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answer(application: WSGIApplication, connection: Connection) -> None:
    with contextlib.suppress(EOFError, BrokenPipeError), connection:
        while True:
            environ = _received_request(connection)
            with in_request(environ.get(REQUEST_ID, "")):
                try:
                    status, headers, body = _response(application, environ)
                except Exception:
                    # Catch everything: whatever fails, the other process waits for an answer.
                    logger.exception("The application failed to answer %s", environ.get("PATH_INFO"))
                    connection.send_bytes(b"")
                    continue
            with body:
                _send_response(connection, status, headers, body)


def _received_request(connection: Connection) -> WSGIEnvironment:
    environ: WSGIEnvironment = json.loads(connection.recv_bytes())
    return environ | {
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(connection.recv_bytes()),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _response(application: WSGIApplication, environ: WSGIEnvironment) -> tuple[str, Headers, IO[bytes]]:
    started: list[tuple[str, Headers]] = []

    def start_response(status: str, headers: Headers, _error: Any = None, /) -> Any:
        started.append((status, headers))

    parts: Iterable[bytes] = application(environ, start_response)
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (the caller closes it)
    try:
        body.writelines(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    return *started[-1], body


def _send_response(connection: Connection, status: str, headers: Headers, body: IO[bytes]) -> None:
    connection.send_bytes(json.dumps((status, headers, body.tell())).encode())
    body.seek(0)
    while part := body.read(PART):
        connection.send_bytes(part)
