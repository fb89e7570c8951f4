"""Requests as bytes, so that they can be mutated: a request line, headers and a body, as HTTP/1.1 writes them."""

import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

FORM = "application/x-www-form-urlencoded"
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}
# Servers refuse a header that has one of these (RFC 9110 §5.5), and so does granian.
_NOT_IN_HEADERS = str.maketrans("", "", "\r\n\x00")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def written(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def environ(request: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request, however odd: what a server may hand on, it hands on."""
    head, _end, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, _space, target = line.partition(" ")
    path, _question, query = target.rpartition(" HTTP/")[0].partition("?")
    found = {
        "REQUEST_METHOD": method if method in _METHODS else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.translate(_NOT_IN_HEADERS) or "/").decode("latin-1"),
        "QUERY_STRING": query.translate(_NOT_IN_HEADERS),
        "SERVER_NAME": "status.example.dk",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "status.example.dk",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for one in fields:
        name, _colon, value = one.partition(":")
        key = name.strip().upper().replace("-", "_")
        known = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        if known != "HTTP_CONTENT_LENGTH":
            found[known] = value.strip().translate(_NOT_IN_HEADERS)
    return found


def send(application: WSGIApplication, request: bytes) -> Answer:
    said: list[tuple[str, list[tuple[str, str]]]] = []
    result = application(environ(request), lambda status, headers, _error=None: said.append((status, headers)))  # type: ignore[arg-type]
    try:
        body = b"".join(result)
    finally:
        getattr(result, "close", lambda: None)()
    status, headers = said[-1]
    return Answer(int(status.split()[0]), headers, body)
