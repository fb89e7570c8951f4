"""Where a request comes from. Replaces a CSRF token, because the public forms use no cookie."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from ..forwarded import Address, client_address, parse_address

# One sender can easily use every address of such a network: providers assign a /48 to one customer.
PREFIXES = {4: 24, 6: 48}
# All senders without a readable address share the limits of one network.
UNKNOWN = "unknown"


def is_from_another_site(request: HttpRequest) -> bool:
    """Whether the browser reports that another site's page sent this request.

    `Sec-Fetch-Site` decides if present, otherwise `Origin`, which is `null` for our own
    pages with `Referrer-Policy: no-referrer`. A client that sends neither is not a
    visitor's browser under attack; the limits apply to it all the same.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return False
    return _host_and_port(origin) not in {request.get_host().lower(), _host_and_port(settings.SITE_URL)}


def network(request: HttpRequest) -> str:
    """Return the sender's network, such as `192.0.2.0/24`, or UNKNOWN; never empty, so a limit always applies."""
    return network_of(request.META)


def network_of(environ: Mapping[str, Any]) -> str:
    """Return the same for a WSGI environment."""
    address = client_address(
        environ.get("REMOTE_ADDR", ""),
        environ.get("HTTP_X_FORWARDED_FOR", ""),
        environ.get("HTTP_FORWARDED", ""),
        is_trusted_proxy,
    )
    if address is None:
        return UNKNOWN
    return str(ipaddress.ip_network((address, PREFIXES[address.version]), strict=False))


def is_trusted_proxy(address: Address | None) -> bool:
    """Whether this peer is one of our proxies; None is a peer without an address, on a Unix socket."""
    if address is None:
        return bool(settings.TRUST_UNIX_SOCKET)
    return any(address in network for network in settings.TRUSTED_PROXIES)


def is_from_proxy(environ: Mapping[str, Any]) -> bool:
    """Whether one of our proxies sent this request."""
    return is_trusted_proxy(parse_address(environ.get("REMOTE_ADDR", "")))


def _host_and_port(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
