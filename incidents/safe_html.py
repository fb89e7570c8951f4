"""Removes from HTML everything that is not on a short list, and makes addresses in its text links. Pure.

STANDARDS S5 lists the tags. The parser is that of browsers (html5ever, through nh3),
so that no browser can see a tag where the sanitiser saw text.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from urllib.parse import urlsplit

import nh3

TAGS = frozenset("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())
SCHEMES = frozenset({"http", "https", "mailto"})
REL = "noopener noreferrer nofollow"

# Addresses that become links automatically; not a bare “backup.sh”, which may be a file name.
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
# In what nh3 writes, each “<” of a text is escaped, and each value of an attribute is in double quotes.
_TAG = re.compile(r"""<(/?)([a-z0-9]+)(?:"[^"]*"|[^">])*>""")
_NOT_LINKED = frozenset({"a", "code", "pre"})


def safe(html: str) -> str:
    """Return HTML with TAGS and links with SCHEMES only."""
    kept = nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags=set(),
        attributes={"a": {"href"}, "ol": {"start"}},
        attribute_filter=_filtered,
        url_schemes=set(SCHEMES),
        link_rel=REL,
    )
    # XML does not know the entity &nbsp;; a typed one begins with “&amp;”.
    return "".join(_with_links(kept.replace("&nbsp;", "\xa0")))


def _filtered(tag: str, name: str, value: str) -> str | None:
    # Return the value of an attribute, or None if it is not kept.
    if (tag, name) == ("ol", "start"):  # a list that begins with 3 must not be renumbered
        return value if re.fullmatch("[0-9]{1,9}", value) else None
    return value if name == "rel" or _is_safe(value) else None


def _is_safe(address: str) -> bool:
    # Whether the address has an allowed scheme; `//evil` and `javascript:` have none.
    try:
        return urlsplit(address.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


def _with_links(html: str) -> Iterator[str]:
    # Make addresses in texts links, except in links and in code.
    place, inside = 0, 0
    for tag in _TAG.finditer(html):
        text = html[place : tag.start()]
        yield text if inside else _linked(text)
        yield tag[0]
        if tag[2] in _NOT_LINKED:
            inside += -1 if tag[1] else 1
        place = tag.end()
    yield _linked(html[place:])


def _linked(text: str) -> str:
    # Make the addresses in escaped text links.
    text, parts, place = unescape(text), list[str](), 0
    for found in _ADDRESS.finditer(text):
        parts += [escape(text[place : found.start()], quote=False), _link(found[0])]
        place = found.end()
    return "".join([*parts, escape(text[place:], quote=False)])


def _link(address: str) -> str:
    # Return a link, without the punctuation after an address; text that only looks like an address stays text.
    shown = _without_punctuation(address)
    target = shown if shown.lower().startswith("http") else f"https://{shown}"
    if not _is_safe(target):
        return escape(address, quote=False)
    after = escape(address[len(shown) :], quote=False)
    return f'<a href="{escape(target)}" rel="{REL}">{escape(shown, quote=False)}</a>{after}'


def _without_punctuation(address: str) -> str:
    return address.rstrip(",." if "(" in address else ",.)")
