"""Markdown to safe HTML and to plain text: the one place where staff's text becomes markup.

python-markdown writes the HTML with raw HTML switched off, so that a tag somebody
types is shown as typed; bleach then lets through only what STANDARDS S5 lists.
The source is what is stored: every rendering comes through here anew.
"""

import re
from collections.abc import MutableMapping
from functools import lru_cache, partial
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import LinkInlineProcessor, Pattern
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import Registry

from . import plain as plaintext

Attributes = MutableMapping[tuple[str | None, str], str]

TAGS = frozenset("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())
SCHEMES = frozenset({"http", "https", "mailto"})
# XML 1.0 forbids these even as references, so they would break feeds (RFC 4287 §2).
# Half a surrogate pair is no character at all, and PostgreSQL refuses it. Nor are the noncharacters
# (Unicode §23.7), which are a program's own: with them we mark what is put into a document later.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
_CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff{_NONCHARACTERS}]")
# Overrides, embeddings and isolates (UAX 9): one left open turns what follows around, past the end of its line.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
# What becomes a link by itself: no bare “backup.sh”, which may be a file as well as a domain.
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_ITEM = re.compile(r" {0,3}(?:[-*+]|1\.) +\S")
# For each opening bracket python-markdown looks through the rest of the text: 5,000 of them, which is
# a book lying on a keyboard, would hold up publishing for seconds. After so many signs it looks no more,
# and brackets stay brackets. Texts have 20,000 signs at most, and read a link's once or twice.
PATIENCE = 1_000_000
# Names and priorities are markdown's.
_LINK_PROCESSORS = {
    "reference": 170,
    "link": 160,
    "image_link": 150,
    "image_reference": 140,
    "short_reference": 130,
    "short_image_ref": 125,
}
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}


# One text stands on the home page, its own page, a month's and in six feeds, and all are written in one go.
_remembered = lru_cache(maxsize=512)


@_remembered
def html(source: str) -> SafeString:
    """Markdown as HTML that is safe on a page, in a feed and in a mail.

    Only TAGS and links with SCHEMES survive; headings begin at h3; an image
    becomes a link to it, because a remote picture tells a third party who reads.
    """
    converter = Markdown(extensions=["tables", "fenced_code", "sane_lists", "nl2br", _House()])
    return mark_safe(_cleaner().clean(converter.convert(clean(source))))  # noqa: S308 - this is the sanitiser


@_remembered
def plain(source: str) -> str:
    """Markdown as text for mail and previews: list items with “-”, quotes with “>”, links as “words (address)”."""
    return plaintext.plain(html(source))


def clean(text: str) -> str:
    """Text without noncharacters and the control characters that XML 1.0 cannot carry, line ends as \\n."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """A title or name: clean, on one line, and unable to turn the direction of what stands around it."""
    return " ".join(_TURNING.sub("", clean(text)).split())


class _House(Extension):
    """Raw HTML off, headings demoted, images as links, lists without a blank line before them."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - markdown's name
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.preprocessors.register(_ListAfterText(md), "list-after-text", 20)  # code between fences is away by then
        _tire(md.inlinePatterns)
        md.treeprocessors.register(_Demote(md), "house", 0)


class _Tiring(LinkInlineProcessor):
    """Goes before one of markdown's link processors, and lets it look no further once it has read PATIENCE signs."""

    _read = 0

    def handleMatch(  # type: ignore[no-untyped-def, override]  # noqa: N802 - markdown's name and many types
        self, m: re.Match[str], data: str
    ):
        return super().handleMatch(m, data) if self._read < PATIENCE else (None, None, None)

    def getText(self, data: str, index: int) -> tuple[str, int, bool]:  # noqa: N802 - markdown's name
        text, end, is_whole = super().getText(data, index)
        self._read += end - index
        return text, end, is_whole

    def getLink(self, data: str, index: int) -> tuple[str, str | None, int, bool]:  # noqa: N802 - markdown's name
        href, title, end, is_whole = super().getLink(data, index)
        self._read += (end if is_whole else len(data)) - index
        return href, title, end, is_whole


def _tire(patterns: Registry[Pattern]) -> None:
    """Puts the link processors under `_Tiring`, each with what it looks for and where it was."""
    for name, priority in _LINK_PROCESSORS.items():
        found = patterns[name]
        tiring = type("_Tiring", (_Tiring, type(found)), {})
        patterns.register(tiring(found.pattern, found.md), name, priority)


class _ListAfterText(Preprocessor):
    """A list may follow a line of text directly, as in CommonMark and in every mail."""

    def run(self, lines: list[str]) -> list[str]:
        spaced: list[str] = []
        in_list = False
        for line in lines:
            is_item = bool(_ITEM.match(line))
            if is_item and not in_list and spaced and spaced[-1].strip():
                spaced.append("")
            in_list = is_item or (in_list and bool(line.strip()))
            spaced.append(line)
        return spaced


class _Demote(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter():
            element.tag = _HEADINGS.get(element.tag, element.tag)
            if element.tag == "img":
                address, words, after = element.get("src", ""), element.get("alt", ""), element.tail
                element.clear()
                element.tag, element.text, element.tail = "a", words or address, after
                element.set("href", address)
            elif element.tag == "hr":
                element.tag, element.text = "p", "* * *"


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Which attributes bleach lets through."""
    if tag == "ol":  # a list that begins with 3 must not be shown beginning with 1
        return name == "start" and re.fullmatch("[0-9]{1,9}", value) is not None
    return tag == "a" and name == "href" and _is_safe(value)


def _is_safe(address: str) -> bool:
    """Explicit schemes only: `//evil` and `javascript:` are not addresses we link to."""
    try:
        return urlsplit(address.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


def _guard(attrs: Attributes, new: bool = False, /) -> Attributes | None:
    """Every link's `rel`; of what only looks like an address, no link is made."""
    attrs[None, "rel"] = "noopener noreferrer nofollow"
    if new:
        words: str = attrs["_text"]  # type: ignore[index]  # bleach keeps the link's text beside its attributes
        attrs[None, "href"] = words if words.lower().startswith("http") else f"https://{words}"
        return attrs if _is_safe(attrs[None, "href"]) else None
    return attrs


_LINKS = partial(
    LinkifyFilter,
    callbacks=[_guard],  # type: ignore[list-item]  # bleach allows None, its types do not
    skip_tags={"pre", "code"},
    url_re=_ADDRESS,
)


def _cleaner() -> Cleaner:
    return Cleaner(tags=TAGS, attributes=_may_stay, protocols=SCHEMES, filters=[_LINKS])
