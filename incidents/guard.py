"""Requests to URLs from untrusted users (server-side request forgery, STANDARDS S3).

A host is resolved once, all its addresses are checked, and the connection goes to one
of the checked addresses, with the name as SNI and Host: DNS rebinding has no effect.
Redirects are not followed, the body of the response is not read, and the whole request
has a time limit, the name's resolution included.
"""

import errno
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from . import dialling, domains, responses
from .dialling import Deadline, Resolver
from .responses import Response

LONGEST_URL = 500
# The whole request; the resolution of the name; the connection to one of its addresses; TLS with one of them.
SECONDS = 30.0
RESOLVE_SECONDS = 10.0
CONNECT_SECONDS = 5.0
TLS_SECONDS = 5.0
_PIECE = 16_384  # bytes sent at a time: one TLS record, since each has its own time limit in `ssl`
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
    """No response: no such host, no connection, no TLS, or too slow.

    The message contains no secrets and no bytes of the server.
    """


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


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolve: Resolver | None = None,
    may_send: Callable[[], bool] = lambda: True,
) -> Response:
    """Send one POST within SECONDS. Raise Unreachable or BadUrl; return any HTTP response.

    `may_send` is called once connected: if it returns False, nothing of the request is sent.
    """
    target, deadline = read_url(url), Deadline.after(SECONDS)
    addresses = _checked_addresses(target, resolve or dialling.addresses_of, deadline.within(RESOLVE_SECONDS))
    try:
        connection = _connect(target, dialling.interleave(addresses), deadline)
    except (OSError, ValueError) as error:
        raise Unreachable(_message(error)) from error
    try:
        with connection:
            if not may_send():
                raise Unreachable("The request was withdrawn.")
            _send(connection, _request(target, body, headers), deadline)
            return responses.read(lambda: _receive(connection, deadline))
    except (OSError, responses.InvalidResponse, ValueError) as error:
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


def _checked_addresses(target: Target, resolver: Resolver, deadline: Deadline) -> list[str]:
    # Return the addresses of the host. If one of them is closed, the host is refused.
    try:
        addresses = dialling.resolve(resolver, target.host, target.port, deadline)
    except TimeoutError as error:
        raise Unreachable(gettext_noop("The name of the host could not be looked up in time.")) from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(gettext_noop("The name of the host is not known.")) from error
    if not addresses:
        raise Unreachable(gettext_noop("The name of the host is not known."))
    if not all(map(is_allowed, addresses)):
        raise Forbidden(gettext_noop("The host is in a network that is not on the internet."))
    is_plain = target.scheme == "http" or target.port not in _PORTS
    if is_plain and not all(map(is_in_webhook_networks, addresses)):
        raise Forbidden(gettext_noop("Hosts on the internet are called by https only, on port 443 or 8443."))
    return addresses


# -- the connection ------------------------------------------------------------------------


def _connect(target: Target, addresses: Sequence[str], deadline: Deadline) -> socket.socket:
    # Return a connection to the first address that accepts one, for https with TLS.
    connection, address = dialling.connect_first(addresses, target.port, deadline.within(CONNECT_SECONDS))
    if target.scheme == "http":
        return connection
    try:
        connection.settimeout(deadline.within(TLS_SECONDS).remaining())
        return ssl.create_default_context().wrap_socket(connection, server_hostname=target.host)
    except BaseException as error:
        connection.close()
        others = [other for other in addresses if other != address]
        if not others or not isinstance(error, OSError):
            raise
        return _connect(target, others, deadline)


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": target.netloc, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _send(connection: socket.socket, content: bytes, deadline: Deadline) -> None:
    for begin in range(0, len(content), _PIECE):
        connection.settimeout(deadline.remaining())
        connection.sendall(content[begin : begin + _PIECE])


def _receive(connection: socket.socket, deadline: Deadline) -> bytes:
    connection.settimeout(deadline.remaining())
    return connection.recv(4096)


_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def _message(error: Exception) -> str:
    match error:
        case TimeoutError():
            return gettext_noop("No answer in time.")
        case ConnectionRefusedError():
            return gettext_noop("The host takes no connection on this port.")
        case ConnectionError() | ssl.SSLEOFError():
            return gettext_noop("The host closed the connection without an answer.")
        case responses.InvalidResponse():
            return gettext_noop("The host did not answer in HTTP.")
        case OSError(errno=code) if code in _NO_ROUTE:
            return gettext_noop("The host cannot be reached from here.")
    # What TLS has to say is in English, and from OpenSSL.
    detail = getattr(error, "verify_message", "") or getattr(error, "reason", "") or error
    return " ".join(f"{type(error).__name__}: {detail}".split())[:200]
