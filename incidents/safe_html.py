"""Removes from HTML everything that is not on a short list, and makes addresses in its text links. Pure.

bleach keeps only what STANDARDS S5 lists; its parser is that of browsers (html5lib), so
that no browser can see a tag where the sanitiser saw text.
"""

import re
from collections.abc import MutableMapping
from functools import partial
from urllib.parse import urlsplit

from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner

TAGS = frozenset("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())
SCHEMES = frozenset({"http", "https", "mailto"})
REL = "noopener noreferrer nofollow"

Attributes = MutableMapping[tuple[str | None, str], str]

# Addresses that become links automatically; not a bare “backup.sh”, which may be a file name.
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)


def safe(html: str) -> str:
    """Return HTML with TAGS and links with SCHEMES only."""
    return Cleaner(tags=TAGS, attributes=_is_allowed, protocols=SCHEMES, filters=[_LINKS]).clean(html)


def _is_allowed(tag: str, name: str, value: str) -> bool:
    # Whether bleach keeps an attribute.
    if tag == "ol":  # a list that begins with 3 must not be renumbered
        return name == "start" and re.fullmatch("[0-9]{1,9}", value) is not None
    return tag == "a" and name == "href" and _is_safe(value)


def _is_safe(address: str) -> bool:
    # Whether the address has an allowed scheme; `//evil` and `javascript:` have none.
    try:
        return urlsplit(address.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


def _set_rel(attrs: Attributes, new: bool = False, /) -> Attributes | None:
    # Set `rel` on every link; return None for text that only looks like an address.
    attrs[None, "rel"] = REL
    if new:
        text: str = attrs["_text"]  # type: ignore[index]  # bleach stores the link's text with its attributes
        attrs[None, "href"] = text if text.lower().startswith("http") else f"https://{text}"
        return attrs if _is_safe(attrs[None, "href"]) else None
    return attrs


_LINKS = partial(
    LinkifyFilter,
    callbacks=[_set_rel],  # type: ignore[list-item]  # bleach allows None, its types do not
    skip_tags={"pre", "code"},
    url_re=_ADDRESS,
)
