"""Where a request comes from. Replaces a CSRF token, because the public forms use no cookie."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

# One sender can easily use every address of such a network: providers assign a /48 to one customer.
PREFIXES = {4: 24, 6: 48}


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
    """Return the sender's network, such as `192.0.2.0/24`; empty if unknown (a Unix socket)."""
    try:
        address = ipaddress.ip_address(_client(request))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, PREFIXES[address.version]), strict=False))


def _client(request: HttpRequest) -> str:
    # Return the client's address as seen by our outermost proxy; the header is ignored without proxies.
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    proxies = settings.TRUSTED_PROXIES
    if proxies and len(hops) >= proxies:
        return hops[-proxies]
    return str(request.META.get("REMOTE_ADDR", ""))


def _host_and_port(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
