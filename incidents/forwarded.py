"""The client's address behind proxies, from `X-Forwarded-For` and `Forwarded` (RFC 7239).

Each proxy appends the address of its peer, so a header is read from the right, and only
as long as the hop that wrote it is trusted. What a client wrote further left is never
looked at: it can neither pretend another address nor make the header unreadable.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

_PORT = r"(?::(?:[0-9]{1,5}|_[\w.-]+))?"
_ZONE = r"(?:%[\w.~-]+)?"
_NODE = re.compile(
    rf"([0-9.]+){_PORT}|\[([0-9a-f:.]+){_ZONE}\]{_PORT}|([0-9a-f:.]*:[0-9a-f:.]*){_ZONE}", re.ASCII | re.IGNORECASE
)
# Values are more than RFC 7239's tokens, because some proxies write IPv6 and ports without quotes.
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s",;=\\]+)'
_NAME = r"[\w!#$%&'*+.^`|~-]+"
_PAIR = rf"{_NAME}={_VALUE}"
_ELEMENT = re.compile(rf"{_PAIR}(?:[ \t]*;[ \t]*{_PAIR})*[ \t]*;?", re.ASCII)
_NAME_AND_VALUE = re.compile(rf"({_NAME})=({_VALUE})", re.ASCII)
# Commas inside the quotes of one element: a bound on the work for a header that is nonsense.
_MAX_COMMAS = 10
# Proxies in a row are few. Of a longer header the right end is read, which the nearest proxies wrote.
_MAX_LENGTH = 2000
_MAX_NODE = 100


def client_address(
    peer: str, forwarded_for: str, forwarded: str, is_trusted: Callable[[Address | None], bool]
) -> Address | None:
    """Return the first address from the right that is not a trusted proxy's, or None if it is unreadable.

    `peer` is the address of the connection. If all hops are trusted, the leftmost is
    the client. If the two headers disagree, one of them may come from the client, so
    the result is None.
    """
    connected = parse_address(peer)
    if not is_trusted(connected):
        return connected
    chains = [chain for chain in (_forwarded_for(forwarded_for), _forwarded(forwarded)) if chain is not None]
    found = {_first_untrusted(chain, is_trusted) for chain in chains} or {connected}
    return found.pop() if len(found) == 1 else None


def parse_address(text: str) -> Address | None:
    """Return the address in a node such as `192.0.2.7:4711` or `[fe80::1%eth0]`; None for `unknown` and nonsense.

    The zone is dropped, and an IPv4-mapped address becomes its IPv4 address.
    """
    node = _NODE.fullmatch(text.strip()) if len(text) <= _MAX_NODE else None
    try:
        address = ip_address(next(filter(None, node.groups()))) if node else None
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _first_untrusted(chain: Iterator[Address | None], is_trusted: Callable[[Address | None], bool]) -> Address | None:
    address = None
    for address in chain:
        # An unreadable hop is nobody's proxy, also where Unix sockets are trusted.
        if address is None or not is_trusted(address):
            break
    return address


def _forwarded_for(header: str) -> Iterator[Address | None] | None:
    # Return the addresses from the right; None without the header.
    return map(parse_address, reversed(_right_end(header).split(","))) if header.strip() else None


def _forwarded(header: str) -> Iterator[Address | None] | None:
    return map(_for_of, _elements(_right_end(header))) if header.strip() else None


def _right_end(header: str) -> str:
    # Cut at a comma: a part of an address could be another address.
    return header if len(header) <= _MAX_LENGTH else header[-_MAX_LENGTH:].partition(",")[2]


def _elements(header: str) -> Iterator[str]:
    # Split from the right at commas outside quotes; an unreadable element is "", and the last one.
    rest: str | None = header
    while rest is not None:
        element, rest = _last_element(rest)
        yield element
        if not element:
            return


def _last_element(header: str) -> tuple[str, str | None]:
    # Return the last element and what is left of it. A comma may be inside quotes: then take one more part.
    end = len(header)
    for _part in range(_MAX_COMMAS + 1):
        comma = header.rfind(",", 0, end)
        element = header[comma + 1 :].strip()
        if _ELEMENT.fullmatch(element):
            return element, header[:comma] if comma >= 0 else None
        if comma < 0:
            break
        end = comma
    return "", None


def _for_of(element: str) -> Address | None:
    nodes = [value for name, value in _NAME_AND_VALUE.findall(element) if name.lower() == "for"]
    if len(nodes) != 1:
        return None  # RFC 7239 §4 allows each name once; without `for` the hop has no address
    return parse_address(re.sub(r"\\(.)", r"\1", nodes[0].strip('"')))
