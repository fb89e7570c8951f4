"""Markdown to safe HTML and to plain text: the only place where text of staff becomes markup.

python-markdown runs with raw HTML switched off, so that a typed tag is shown as
typed; `safe_html` then keeps only what STANDARDS S5 lists. The source is stored,
and each rendering goes through this module. A text that is more complicated than
`complexity` allows, stored before there were such bounds, is shown as it was typed.
"""

import re
from functools import lru_cache
from html import escape
from typing import Any
from xml.etree.ElementTree import Element

from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import LinkInlineProcessor, Pattern
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import Registry

from . import complexity, safe_html
from . import plain as plaintext

# XML 1.0 forbids these even as references, so they would break feeds (RFC 4287 §2).
# Lone surrogates are no characters, and PostgreSQL rejects them. Noncharacters (Unicode §23.7) are
# reserved for internal use: our placeholders in documents consist of them.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
_CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff{_NONCHARACTERS}]")
# Overrides, embeddings and isolates (UAX 9): an unclosed one reverses the text after it, beyond its own line.
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ITEM = re.compile(r" {0,3}(?:[-*+]|1\.) +\S")
# python-markdown searches the rest of the text for each opening bracket: 5,000 brackets, as from a book
# lying on a keyboard, would delay publishing for seconds. After so many characters it stops searching,
# and brackets stay brackets. Texts have at most 20,000 characters; those of a link are read once or twice.
MAX_LINK_SEARCH = 100_000
# The names and priorities of python-markdown.
_LINK_PROCESSORS = {
    "reference": 170,
    "link": 160,
    "image_link": 150,
    "image_reference": 140,
    "short_reference": 130,
    "short_image_ref": 125,
}
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}


# The same text is on the home page, the pages of its incident and month, and in six feeds, rendered together.
_cached = lru_cache(maxsize=512)


@_cached
def html(source: str) -> SafeString:
    """Return Markdown as HTML that is safe on a page, in a feed and in an email.

    Only TAGS and links with SCHEMES are kept; headings begin at h3; an image
    becomes a link to it, because remote images reveal readers to third parties.
    """
    text = clean(source)
    converted = _converted(text)
    return mark_safe(_as_typed(text) if converted is None else converted)  # noqa: S308 - this is the sanitiser


@_cached
def plain(source: str) -> str:
    """Return Markdown as plain text: list items with “-”, quotes with “>”, links as “text (address)”."""
    text = clean(source)
    if _converted(text) is None:
        return text.strip()
    return plaintext.plain(html(source))


@_cached
def _converted(text: str) -> str | None:
    # Return safe HTML; None if the text is too complicated.
    if not complexity.measure(text).is_accepted:
        return None
    converter = Markdown(extensions=["tables", "fenced_code", "sane_lists", "nl2br", _StatusPageExtension()])
    try:
        return safe_html.safe(converter.convert(text))
    except RecursionError:
        return None


def _as_typed(text: str) -> str:
    # Return escaped paragraphs with the lines of the text.
    paragraphs = (escape(part, quote=False).replace("\n", "<br>\n") for part in text.split("\n\n"))
    return "\n".join(f"<p>{part}</p>" for part in paragraphs if part)


def clean(text: str) -> str:
    """Return text without noncharacters and control characters that XML 1.0 forbids, line ends as \\n."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return a title or name that is clean, on one line, and cannot reverse the text around it."""
    return " ".join(_BIDI_CONTROLS.sub("", clean(text)).split())


class _StatusPageExtension(Extension):
    # No raw HTML, headings demoted, images as links, lists without a blank line before them.
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - markdown's name
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.preprocessors.register(_ListAfterText(md), "list-after-text", 20)  # fenced code is already extracted
        _limit_link_search(md.inlinePatterns)
        md.treeprocessors.register(_Demote(md), "demote", 0)


class _LimitedSearch(LinkInlineProcessor):
    # A mixin for the link processors of python-markdown that stops after MAX_LINK_SEARCH characters.
    _searched = 0

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # type: ignore[override]  # noqa: N802 - markdown's name
        return super().handleMatch(m, data) if self._searched < MAX_LINK_SEARCH else (None, None, None)

    def getText(self, data: str, index: int) -> tuple[str, int, bool]:  # noqa: N802 - markdown's name
        text, end, is_whole = super().getText(data, index)
        self._searched += end - index
        return text, end, is_whole

    def getLink(self, data: str, index: int) -> tuple[str, str | None, int, bool]:  # noqa: N802 - markdown's name
        href, title, end, is_whole = super().getLink(data, index)
        self._searched += (end if is_whole else len(data)) - index
        return href, title, end, is_whole


def _limit_link_search(patterns: Registry[Pattern]) -> None:
    # Replace the link processors by limited ones with the same patterns and priorities.
    for name, priority in _LINK_PROCESSORS.items():
        processor = patterns[name]
        limited = type("_LimitedSearch", (_LimitedSearch, type(processor)), {})
        patterns.register(limited(processor.pattern, processor.md), name, priority)


class _ListAfterText(Preprocessor):
    # Allows a list directly after a line of text, as in CommonMark and in most emails.
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
                address, text, tail = element.get("src", ""), element.get("alt", ""), element.tail
                element.clear()
                element.tag, element.text, element.tail = "a", text or address, tail
                element.set("href", address)
            elif element.tag == "hr":
                element.tag, element.text = "p", "* * *"
