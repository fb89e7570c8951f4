"""Requests to URLs from untrusted users (server-side request forgery, STANDARDS S3).

A host is resolved once, all its addresses are checked, and the connection goes to a
checked address, with the name as SNI and Host: DNS rebinding has no effect. Redirects
are not followed, the body of the response is not read, and the whole request has a
time limit.
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

from . import domains

LONGEST_URL = 500
CONNECT_SECONDS = 5.0
SECONDS = 30.0
_LARGEST_HEAD = 16_384
_PORTS = (443, 8443)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Listed here because `ipaddress.is_global` allows some of them and differs between Python versions.
_CLOSED_4 = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
]
# Global unicast is 2000::/3 only: mapped addresses, NAT64 and others are outside of it.
# Within it, Teredo and similar ranges, 6to4 and documentation are closed.
_OPEN_6 = ipaddress.ip_network("2000::/3")
_CLOSED_6 = [ipaddress.ip_network(text) for text in "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()]


class BadUrl(ValueError):
    """A URL that is never called. `code` is the reason: scheme, credentials, port, private, long or invalid."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unreachable(Exception):
    """No response: no such host, no connection, no TLS, or too slow. The message contains no secrets."""


class Unanswered(Unreachable):
    """The host accepted the connection, but sent no HTTP response, or none in time."""


class Forbidden(Unreachable):
    """The host has an address that is not public."""


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
    """`retry_after` is in seconds; None if the server did not send it."""

    code: int
    reason: str
    retry_after: float | None = None


Resolver = Callable[[str, int], list[str]]


def read_url(typed: str) -> Target:
    """Parse a typed URL into its canonical form, or raise BadUrl. Makes no DNS query."""
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
    """Send one POST within SECONDS. Raise Unreachable or BadUrl; return any HTTP response."""
    target, deadline = read_url(url), time.monotonic() + SECONDS
    address = _checked_address(target, resolve or _resolve)
    try:
        connection = _connect(target, address, deadline)
    except (OSError, ValueError) as error:
        raise Unreachable(_message(error)) from error
    try:
        with connection:
            connection.settimeout(_remaining(deadline))
            connection.sendall(_request(target, body, headers))
            return _response(connection, deadline)
    except (OSError, HTTPException, ValueError) as error:
        raise Unanswered(_message(error)) from error


def is_allowed(address: str) -> bool:
    """Whether this IP address may be called: it is public or in WEBHOOK_NETWORKS."""
    return is_in_webhook_networks(address) or is_public(address)


def is_in_webhook_networks(address: str) -> bool:
    """Whether the operator has allowed the network of this address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip in network for network in settings.WEBHOOK_NETWORKS)


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_4)
    return ip in _OPEN_6 and not any(ip in network for network in _CLOSED_6)


# -- before the connection ---------------------------------------------------------------


def _ascii_host(host: str) -> str:
    # Return the host in lower case as IDNA, or raise ValueError.
    plain = host.lower().rstrip(".")
    if ":" in plain:
        return str(ipaddress.ip_address(plain))
    encoded = domains.to_ascii(plain)
    if not _HOST.fullmatch(encoded):
        raise ValueError("Not a host name")
    return encoded


def _check_port(target: Target) -> None:
    # Check the port; and the host, if it is an IP address.
    try:
        is_closed = not is_allowed(target.host)
    except ValueError:
        is_closed = False
    if is_closed:
        raise BadUrl("private")
    if target.port not in _PORTS and not settings.WEBHOOK_NETWORKS:
        raise BadUrl("port")


def _checked_address(target: Target, resolve: Resolver) -> str:
    # Return the address to connect to. If one of several addresses is closed, the host is refused.
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Unreachable(gettext_noop("The name of the host is not known.")) from error
    if not addresses:
        raise Unreachable(gettext_noop("The name of the host is not known."))
    if not all(map(is_allowed, addresses)):
        raise Forbidden(gettext_noop("The host is in a network that is not on the internet."))
    is_plain = target.scheme == "http" or target.port not in _PORTS
    if is_plain and not all(map(is_in_webhook_networks, addresses)):
        raise Forbidden(gettext_noop("Hosts on the internet are called by https only, on port 443 or 8443."))
    return addresses[0]


def _resolve(host: str, port: int) -> list[str]:
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in addresses))


# -- the connection ------------------------------------------------------------------------


def _connect(target: Target, address: str, deadline: float) -> socket.socket:
    connection = socket.create_connection((address, target.port), min(CONNECT_SECONDS, _remaining(deadline)))
    if target.scheme == "http":
        return connection
    try:
        connection.settimeout(min(CONNECT_SECONDS, _remaining(deadline)))
        return ssl.create_default_context().wrap_socket(connection, server_hostname=target.host)
    except BaseException:
        connection.close()
        raise


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": target.netloc, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _response(connection: socket.socket, deadline: float) -> Response:
    # Read status and headers, but not the body.
    head = _head(connection, deadline)
    while head.startswith(b"HTTP/1.1 1"):  # an interim response, RFC 9110 §15.2
        rest = head.partition(b"\r\n\r\n")[2]
        head = rest if b"\r\n\r\n" in rest else _head(connection, deadline, rest)
    response = HTTPResponse(_Received(head))  # type: ignore[arg-type]
    response.begin()
    return Response(response.status, response.reason[:100], _seconds(response.headers.get("Retry-After", "")))


def _head(connection: socket.socket, deadline: float, received: bytes = b"") -> bytes:
    # Read up to the empty line, and possibly a little of what follows.
    read = received
    while b"\r\n\r\n" not in read:
        connection.settimeout(_remaining(deadline))
        piece = connection.recv(4096)
        if not piece or len(read) > _LARGEST_HEAD:
            raise HTTPException("Not an HTTP response")
        read += piece
    return read


class _Received:
    # A stand-in for the socket that HTTPResponse reads from: bytes already received within our limits.
    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.content)


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _seconds(value: str) -> float | None:
    # Parse Retry-After: a number of seconds or a date (RFC 9110 §10.2.3); anything else is ignored.
    if value.strip().isascii() and value.strip().isdigit():
        return float(value[:10])
    try:
        return max((parsedate_to_datetime(value) - timezone.now()).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _message(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return gettext_noop("No answer in time.")
    if isinstance(error, ConnectionRefusedError):
        return gettext_noop("The host takes no connection on this port.")
    return f"{type(error).__name__}: {_detail(error)}"


def _detail(error: Exception) -> str:
    return " ".join(str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error).split())[:200]
