"""How much of an address is shown to those who may not know it. Pure: knows no Django."""

import re

_MAIL_ADDRESS = re.compile(r"""[^\s<>"'(),;:]+@[\w-]+(?:\.[\w-]+)*""")


def masked(address: str) -> str:
    """Enough to know an address again, not enough to write to it: `k…@example.dk`, `https://example.dk/…`."""
    if "://" in address:
        scheme, _separator, rest = address.partition("://")
        return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…"
    name, at, host = address.rpartition("@")
    return f"{name[:1]}…{at}{host}" if at else ""


def without_addresses(said: str, address: str) -> str:
    """What a server said about `address`, with this and any other mail address masked, and the name before the @."""
    if "://" in address:
        said = said.replace(address, masked(address))
    if "@" in said:
        said = _MAIL_ADDRESS.sub(lambda found: masked(found[0]), said)
    name = address.partition("@")[0]
    if len(name) < 2 or "://" in address or _surely_not_in(said, name):
        return said
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", f"{name[:1]}…", said, flags=re.IGNORECASE)


def _surely_not_in(said: str, name: str) -> bool:
    """Spares a regular expression of its own for each of ten thousand letters; only in ASCII is case as simple."""
    return said.isascii() and name.isascii() and name.lower() not in said.lower()
