"""Removes from HTML everything that is not on a short list. Pure.

bleach keeps only what STANDARDS S5 lists; its parser is that of browsers (html5lib), so
that no browser can see a tag where the sanitiser saw text. It needs 75 ms for a long
report. HTML that it would return as it is, and nearly all of ours, is recognised first.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html.entities import html5
from typing import Any
from urllib.parse import urlsplit

from bleach.sanitizer import BleachSanitizerFilter, Cleaner

TAGS = frozenset("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())
SCHEMES = frozenset({"http", "https", "mailto"})
REL = "noopener noreferrer nofollow"
ENTITIES = frozenset(name.removesuffix(";") for name in html5 if name.endswith(";"))

_INLINE = frozenset({"strong", "em", "a", "code", "br"})
_BLOCKS = frozenset({"p", "ul", "ol", "pre", "blockquote", "h3", "h4", "table"})
# The tags that may be directly inside each tag; "" is the whole document. Browsers rearrange others.
_INSIDE: dict[str, frozenset[str]] = {
    **dict.fromkeys(["p", "h3", "h4", "th", "td", "strong", "em", "a"], _INLINE),
    **dict.fromkeys(["", "li", "blockquote"], _INLINE | _BLOCKS),
    **dict.fromkeys(["ul", "ol"], frozenset({"li"})),
    **dict.fromkeys(["thead", "tbody"], frozenset({"tr"})),
    "table": frozenset({"thead", "tbody"}),
    "tr": frozenset({"th", "td"}),
    "pre": frozenset({"code"}),
    "code": frozenset(),
}
_WITHOUT_TEXT = frozenset({"table", "thead", "tbody", "tr"})
# Characters are written as they are, or as these references; other names of characters are looked up.
_TEXT = r"[^<>&\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]|&(?:amp|lt|gt|quot|\#[0-9]+|\#[xX][0-9a-fA-F]+);"
_ADDRESS = r'(?i:https?:|mailto:)(?:[^"<>&\x00-\x1f\x7f\ud800-\udfff]|&(?:amp|lt|gt|quot);)*'
_TOKEN = re.compile(
    rf"""
    (?P<space>[\t\n ]+(?=<))
    | (?P<text>(?:{_TEXT})+)
    | &(?P<entity>[0-9A-Za-z]+);
    | <(?P<start>{"|".join(sorted(TAGS - {"a", "br"}))})>
    | <(?P<numbered>ol)[ ]start="[0-9]{{1,9}}">
    | <(?P<link>a)[ ]href="(?P<href>{_ADDRESS})"[ ]rel="{REL.replace(" ", "[ ]")}">
    | <(?P<void>br)>
    | </(?P<end>{"|".join(sorted(TAGS - {"br"}))})>
    """,
    re.VERBOSE,
)


def safe(html: str) -> str:
    """Return HTML with TAGS and links with SCHEMES only."""
    return html if is_safe(html) else sanitised(html)


def sanitised(html: str) -> str:
    """Return what bleach makes of the HTML."""
    filters = [_links_with_rel]
    cleaner = Cleaner(
        tags=TAGS,
        attributes=_is_allowed,
        protocols=SCHEMES,
        filters=filters,  # type: ignore[arg-type]  # bleach allows any callable, its types only its own classes
    )
    return cleaner.clean(html)


def is_safe(html: str) -> bool:
    """Whether HTML consists of listed tags in the exact form that bleach writes, properly nested, and of text."""
    place, around = 0, [""]
    for token in _TOKEN.finditer(html):
        if token.start() != place or not _fits(token, around):
            return False
        place = token.end()
    return place == len(html) and around == [""]


def _fits(token: re.Match[str], around: list[str]) -> bool:
    # Whether a token may be where it is; `around`, the names of the open tags, is updated.
    kind, name = token.lastgroup or "", token[token.lastgroup or 0]
    if kind == "href":
        kind, name = "link", "a"
    match kind:
        case "space":
            return True
        case "text":
            return around[-1] not in _WITHOUT_TEXT
        case "entity":
            return around[-1] not in _WITHOUT_TEXT and name in ENTITIES
        case "end":
            return around.pop() == name
    is_fit = name in _INSIDE[around[-1]]
    if kind == "link":
        is_fit = is_fit and "a" not in around and is_safe_address(token["href"])
    if kind != "void":
        around.append(name)
    return is_fit


@lru_cache(maxsize=1_024)  # each is asked for two or three times
def is_safe_address(address: str) -> bool:
    """Whether the address has an allowed scheme; `//evil` and `javascript:` have none."""
    try:
        scheme = urlsplit(address.strip()).scheme.lower()
    except ValueError:
        return False
    return scheme in SCHEMES and _BLEACH.sanitize_uri_value(address, SCHEMES) is not None


def _is_allowed(tag: str, name: str, value: str) -> bool:
    # Whether bleach keeps an attribute.
    if tag == "ol":  # a list that begins with 3 must not be renumbered
        return name == "start" and re.fullmatch("[0-9]{1,9}", value) is not None
    return tag == "a" and name == "href" and is_safe_address(value)


def _links_with_rel(source: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    # Set `rel` on every link; one whose address was refused is no link.
    is_kept = list[bool]()
    for token in source:
        if token.get("name") == "a" and token["type"] == "StartTag":
            is_kept.append((None, "href") in token["data"])
            if not is_kept[-1]:
                continue
            token["data"][None, "rel"] = REL
        elif token.get("name") == "a" and token["type"] == "EndTag" and is_kept and not is_kept.pop():
            continue
        yield token


_BLEACH = BleachSanitizerFilter(source=[], allowed_protocols=SCHEMES)  # type: ignore[arg-type]  # it filters no tokens
