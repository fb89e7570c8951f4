"""Requests to addresses that strangers gave us (server-side request forgery, STANDARDS S3).

A host is resolved once, every address that comes back is checked, and the connection
goes to the checked address with the name's own SNI and Host: a name that answers
something else a moment later leads nowhere. Redirects are not followed, the body of
the answer is not read, and all of it together has a time limit.
"""

import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

LONGEST_URL = 500
CONNECT_SECONDS = 5.0
SECONDS = 30.0
_LARGEST_HEAD = 16_384
_PORTS = (443, 8443)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_DEFAULT_PORTS = {"https": 443, "http": 80}
# What `ipaddress.is_global` lets through, or says differently from one Python to the next, is named here.
_CLOSED_4 = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
]
# Global unicast is 2000::/3 and nothing else: mapped addresses, NAT64 and the rest lie outside.
# Inside are Teredo and its like, 6to4, and what documentation uses.
_OPEN_6 = ipaddress.ip_network("2000::/3")
_CLOSED_6 = [ipaddress.ip_network(text) for text in "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()]


class BadUrl(ValueError):
    """An address that we would never call. `code` says why: scheme, credentials, port, private, long, invalid."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unreachable(Exception):
    """No answer: no such host, no connection, no TLS, too slow. Says so in words without secrets."""


class Unanswered(Unreachable):
    """The host takes connections, but there was no answer in HTTP, or none in time."""


class Forbidden(Unreachable):
    """The host has an address that nobody outside could reach."""


@dataclass(frozen=True)
class Target:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


@dataclass(frozen=True)
class Response:
    """`retry_after` in seconds; None where the server asks for no pause."""

    code: int
    reason: str
    retry_after: float | None = None


Resolver = Callable[[str, int], list[str]]


def read_url(typed: str) -> Target:
    """What a person wrote, in its one form. Raises BadUrl. Asks no name server."""
    text = typed.strip()
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme not in _DEFAULT_PORTS or (scheme == "http" and not settings.WEBHOOK_NETWORKS):
        raise BadUrl("scheme")
    try:
        parts = urlsplit(text)
        port, host = parts.port, _ascii_host(parts.hostname or "")
    except ValueError as error:
        raise BadUrl("invalid") from error
    if "@" in parts.netloc:
        raise BadUrl("credentials")
    if parts.fragment or not text.isprintable() or " " in text:
        raise BadUrl("invalid")
    query = f"?{parts.query}" if parts.query else ""
    path = quote(f"{parts.path or '/'}{query}", safe="!#$%&'()*+,/:;=?@[]~")
    target = Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)
    _check_port(target)
    if len(target.url) > LONGEST_URL:
        raise BadUrl("long")
    return target


def post(url: str, body: bytes, headers: Mapping[str, str], *, resolve: Resolver | None = None) -> Response:
    """One POST, at most SECONDS long. Raises Unreachable or BadUrl; any answer at all is returned."""
    target, until = read_url(url), time.monotonic() + SECONDS
    address = _checked_address(target, resolve or _resolve)
    try:
        wire = _connect(target, address, until)
    except (OSError, ValueError) as error:
        raise Unreachable(_why(error)) from error
    try:
        with wire:
            wire.settimeout(_left(until))
            wire.sendall(_request(target, body, headers))
            return _answer(wire, until)
    except (OSError, HTTPException, ValueError) as error:
        raise Unanswered(_why(error)) from error


def is_allowed(address: str) -> bool:
    """Whether we call this IP address: one of the open internet, or of WEBHOOK_NETWORKS."""
    return is_ours(address) or is_public(address)


def is_ours(address: str) -> bool:
    """Whether the operator opened this network."""
    known = ipaddress.ip_address(address.partition("%")[0])
    return any(known in network for network in settings.WEBHOOK_NETWORKS)


def is_public(address: str) -> bool:
    known = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(known, ipaddress.IPv4Address):
        return not any(known in network for network in _CLOSED_4)
    return known in _OPEN_6 and not any(known in network for network in _CLOSED_6)


# -- before the connection ---------------------------------------------------------------


def _ascii_host(host: str) -> str:
    """IDNA, in lower case; raises ValueError."""
    plain = host.lower().rstrip(".")
    if ":" in plain:
        return str(ipaddress.ip_address(plain))
    encoded = plain if plain.isascii() else plain.encode("idna").decode()
    if not _HOST.fullmatch(encoded):
        raise ValueError("This is no name of a host.")
    return encoded


def _check_port(target: Target) -> None:
    """Of a number in place of a name it is known at once whether it can be called."""
    try:
        is_closed = not is_allowed(target.host)
    except ValueError:
        is_closed = False
    if is_closed:
        raise BadUrl("private")
    if target.port not in _PORTS and not settings.WEBHOOK_NETWORKS:
        raise BadUrl("port")


def _checked_address(target: Target, resolve: Resolver) -> str:
    """The address to connect to. One that is closed among several open ones closes them all."""
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Unreachable(gettext_noop("The name of the host is not known.")) from error
    if not addresses:
        raise Unreachable(gettext_noop("The name of the host is not known."))
    if not all(map(is_allowed, addresses)):
        raise Forbidden(gettext_noop("The host is in a network that is not on the internet."))
    is_plain = target.scheme == "http" or target.port not in _PORTS
    if is_plain and not all(map(is_ours, addresses)):
        raise Forbidden(gettext_noop("Hosts on the internet are called by https only, on port 443 or 8443."))
    return addresses[0]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in found))


# -- on the wire ---------------------------------------------------------------------------


def _connect(target: Target, address: str, until: float) -> socket.socket:
    wire = socket.create_connection((address, target.port), min(CONNECT_SECONDS, _left(until)))
    if target.scheme == "http":
        return wire
    try:
        wire.settimeout(min(CONNECT_SECONDS, _left(until)))
        return ssl.create_default_context().wrap_socket(wire, server_hostname=target.host)
    except BaseException:
        wire.close()
        raise


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": target.netloc, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _answer(wire: socket.socket, until: float) -> Response:
    """Status and headers; the body stays where it is."""
    head = _head(wire, until)
    while head.startswith(b"HTTP/1.1 1"):  # an interim answer, RFC 9110 §15.2
        rest = head.partition(b"\r\n\r\n")[2]
        head = rest if b"\r\n\r\n" in rest else _head(wire, until, rest)
    response = HTTPResponse(_Spoken(head))  # type: ignore[arg-type]
    response.begin()
    return Response(response.status, response.reason[:100], _seconds(response.headers.get("Retry-After", "")))


def _head(wire: socket.socket, until: float, begun: bytes = b"") -> bytes:
    """What comes until the empty line, and perhaps a little of what stands behind it."""
    read = begun
    while b"\r\n\r\n" not in read:
        wire.settimeout(_left(until))
        piece = wire.recv(4096)
        if not piece or len(read) > _LARGEST_HEAD:
            raise HTTPException("This is no answer in HTTP.")
        read += piece
    return read


class _Spoken:
    """What HTTPResponse wants to read from: bytes that were read before, under our own limits."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.content)


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _seconds(value: str) -> float | None:
    """Retry-After is a number of seconds or a date (RFC 9110 §10.2.3); what is neither asks for nothing."""
    if value.strip().isascii() and value.strip().isdigit():
        return float(value[:10])
    try:
        return max((parsedate_to_datetime(value) - timezone.now()).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return gettext_noop("No answer in time.")
    if isinstance(error, ConnectionRefusedError):
        return gettext_noop("The host takes no connection on this port.")
    return f"{type(error).__name__}: {_words(error)}"


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error).split())[:200]
