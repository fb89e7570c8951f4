"""Masks addresses for readers without permission to see them. Pure: does not import Django."""

import re

_MAIL_ADDRESS = re.compile(r"""[^\s<>"'(),;:]+@[\w-]+(?:\.[\w-]+)*""")
# The last label begins with a letter: `4.7.1` is a status code.
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")


def masked(address: str) -> str:
    """Return enough to recognise an address, but not to use it: `k…@example.dk`, `https://example.dk/…`."""
    if "://" in address:
        scheme, _separator, rest = address.partition("://")
        return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…"
    name, at, host = address.rpartition("@")
    return f"{name[:1]}…{at}{host}" if at else ""


def without_addresses(text: str, address: str) -> str:
    """Return a server's reply about `address` with all email addresses masked, and with its local part masked."""
    if "://" in address:
        text = text.replace(address, masked(address))
    if "@" in text:
        text = _MAIL_ADDRESS.sub(lambda match: masked(match[0]), text)
    name = address.partition("@")[0]
    if len(name) < 2 or "://" in address or _is_surely_absent(text, name):
        return text
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", f"{name[:1]}…", text, flags=re.IGNORECASE)


def without_recipient(text: str, address: str) -> str:
    """Return a server's reply with neither the address nor the domain or host of its recipient, nor other addresses."""
    text = _MAIL_ADDRESS.sub("…", without_addresses(text, address))
    is_url = "://" in address
    domain = address.partition("://")[2].partition("/")[0] if is_url else address.rpartition("@")[2]
    if len(domain) < 2 or domain.lower() not in text.lower():
        return text
    return re.sub(rf"(?<![\w-])(?:[\w-]+\.)*{re.escape(domain)}(?![\w-])", "…", text, flags=re.IGNORECASE)


def without_hosts(text: str) -> str:
    """Return text without names of hosts: `Greylisted by …`."""
    return _HOST.sub("…", text)


def _is_surely_absent(text: str, name: str) -> bool:
    # Avoid compiling a regular expression per recipient; ASCII only, where `lower` is enough to ignore case.
    return text.isascii() and name.isascii() and name.lower() not in text.lower()
