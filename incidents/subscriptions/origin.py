"""What a request says about where it comes from, in place of a CSRF token: the public forms use no cookie."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

# Neighbours that one sender can easily move among: a provider gives out a /48 to one customer.
PREFIXES = {4: 24, 6: 48}


def is_from_another_site(request: HttpRequest) -> bool:
    """Whether a browser says that another site's page sent this.

    `Sec-Fetch-Site` decides where there is one. Otherwise `Origin` does; it is `null`
    from our own pages that tell nobody their address. A client that says nothing is
    no visitor's browser made to act against its owner; limits hold for it all the same.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return False
    return _host_and_port(origin) not in {request.get_host().lower(), _host_and_port(settings.SITE_URL)}


def network(request: HttpRequest) -> str:
    """The sender's network as text, such as `192.0.2.0/24`; empty where it is not known (a socket)."""
    try:
        address = ipaddress.ip_address(_client(request))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, PREFIXES[address.version]), strict=False))


def _client(request: HttpRequest) -> str:
    """The address of the client, as the outermost of our own proxies saw it; headers count only behind those."""
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
