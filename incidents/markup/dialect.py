"""Our Markdown: python-markdown without raw HTML, with addresses as links, and with what readers may see only.

Its element tree is brought into the form that the sanitiser returns as it is: no
other tags and attributes, safe addresses, no link within a link. Pure.
"""

import re
import string
from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import AUTOMAIL_RE, AutolinkInlineProcessor, InlineProcessor, LinkInlineProcessor, Pattern
from markdown.treeprocessors import Treeprocessor
from markdown.util import INLINE_PLACEHOLDER_RE, AtomicString, Registry

from .blocks import BlockReader
from .safe_html import ENTITIES, REL, is_safe_address

# python-markdown searches the rest of the text for each opening bracket: 5,000 brackets, as from a book
# lying on a keyboard, would delay publishing for seconds. After so many characters it stops searching,
# and brackets stay brackets. Texts have at most 20,000 characters; those of a link are read once or twice.
MAX_LINK_SEARCH = 30_000
# The names and priorities of python-markdown.
_LINK_PROCESSORS = {
    "reference": 170,
    "link": 160,
    "image_link": 150,
    "image_reference": 140,
    "short_reference": 130,
    "short_image_ref": 125,
}
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Addresses that become links automatically; not a bare “backup.sh”, which may be a file name. Quotes end them.
_ADDRESS = r"(?i)(?<![^\W_])(?:https?://|www\.)(?:[^\s<>\"&»«›‹“”„‚]|&amp;|&(?!(?:#[0-9]+|#x[0-9a-f]+|[0-9a-z]+);))+"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_BARE_EMAIL = rf"(?<![\w.+@/-])(?:mailto:)?([^\W_][\w.+-]*@{_LABEL}(?:\.{_LABEL})+)(?![\w@-])"
_AFTER_ADDRESS = re.compile(r"[?!.,:;*_~'’‘]+$")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_INLINE_MARK = re.compile(r"[`\\\[<*_\n\x02@]|://|www\.", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*+|(?<!\w)_+|_+(?!\w)")
_ESCAPED = re.compile("\x02([0-9]+)\x03")
_ENTITY = re.compile("&([0-9A-Za-z]+);")
# What unpaired emphasis leaves of placeholders; bleach replaces control characters by “?” too.
_PLACEHOLDER_PARTS = re.compile("[\x02\x03]")

# Converters that no thread uses at the moment: making one takes longer than converting a short text.
_idle: list[Markdown] = []


def convert(text: str) -> str:
    """Return the HTML of a text."""
    try:
        converter = _idle.pop()
    except IndexError:  # the first text, or other threads have all of them
        converter = Markdown(extensions=["tables", "nl2br", _Dialect()], output_format="html")
    html = converter.reset().convert(text)
    _idle.append(converter)  # not after an error, which may leave something of the text behind
    return _PLACEHOLDER_PARTS.sub("?", html)


class _Dialect(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - markdown's name
        self._md = md
        md.registerExtension(self)
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.inlinePatterns.deregister("entity")  # the serialiser keeps entities
        md.parser = BlockReader(md)
        md.ESCAPED_CHARS += sorted(set(string.punctuation) - {"&", *md.ESCAPED_CHARS})  # “&” begins entities
        _limit_link_search(md.inlinePatterns)
        # After links and code, before emphasis.
        md.inlinePatterns.register(_Addresses(_ADDRESS, md), "address", 105)
        md.inlinePatterns.register(AutolinkInlineProcessor(r"<((?i:https?)://[^\s<>]*)>", md), "autolink", 120)
        md.inlinePatterns.register(_EmailAddress(AUTOMAIL_RE, md), "automail", 110)
        md.inlinePatterns.register(_BareEmailAddress(_BARE_EMAIL, md), "bare-email", 104)
        md.treeprocessors.register(_PlainTexts(md), "plain-texts", 21)
        md.treeprocessors.register(_ReadersTree(md), "readers-tree", -1)

    def reset(self) -> None:
        for processor in self._md.inlinePatterns:
            if isinstance(processor, _LimitedSearch):
                processor.searched = 0


class _LimitedSearch(LinkInlineProcessor):
    # A mixin for the link processors of python-markdown that stops after MAX_LINK_SEARCH characters.
    searched = 0

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # type: ignore[override]  # noqa: N802 - markdown's name
        return super().handleMatch(m, data) if self.searched < MAX_LINK_SEARCH else (None, None, None)

    def getText(self, data: str, index: int) -> tuple[str, int, bool]:  # noqa: N802 - markdown's name
        text, end, is_whole = super().getText(data, index)
        self.searched += end - index
        return text, end, is_whole

    def getLink(self, data: str, index: int) -> tuple[str, str | None, int, bool]:  # noqa: N802 - markdown's name
        href, title, end, is_whole = super().getLink(data, index)
        self.searched += (end if is_whole else len(data)) - index
        return href, title, end, is_whole


def _limit_link_search(patterns: Registry[Pattern]) -> None:
    # Replace the link processors by limited ones with the same patterns and priorities.
    for name, priority in _LINK_PROCESSORS.items():
        processor = patterns[name]
        limited = type("_LimitedSearch", (_LimitedSearch, type(processor)), {})
        patterns.register(limited(processor.pattern, processor.md), name, priority)


class _EmailAddress(InlineProcessor):
    # `<a@b.example>`, without python-markdown's encoding of each letter.
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element, int, int]:  # type: ignore[override]  # noqa: N802 - markdown's name
        address = self.unescape(m[1]).removeprefix("mailto:")
        return _link(f"mailto:{address}", address), m.start(), m.end()


class _BareEmailAddress(InlineProcessor):
    # `a@b.example`, as on GitHub.
    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element, int, int]:  # type: ignore[override]  # noqa: N802 - markdown's name
        return _link(f"mailto:{m[1]}", m[1]), m.start(), m.end()


class _Addresses(InlineProcessor):
    # Makes addresses in text links.
    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # type: ignore[override]  # noqa: N802 - markdown's name
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int] | tuple[None, None, None]:
        address = _before_emphasis(self._before_element(m[0]), data[max(m.start() - 500, 0) : m.start()])
        address = _without_end(address)
        text = _ESCAPED.sub(lambda escaped: chr(int(escaped[1])), self.unescape(address))
        target = text if text.lower().startswith("http") else f"https://{text}"
        if not is_safe_address(target):
            return None, None, None
        return _link(target, text), m.start(), m.start() + len(address)

    def _before_element(self, address: str) -> str:
        # Return the address up to code or a link; an escaped character is part of it.
        stash = self.md.treeprocessors["inline"].stashed_nodes  # type: ignore[attr-defined]
        for placeholder in INLINE_PLACEHOLDER_RE.finditer(address):
            if not isinstance(stash.get(placeholder[1]), str):
                return address[: placeholder.start()]
        return address


def _without_end(address: str) -> str:
    # Return the address without the punctuation after it, and without closing brackets that it does not open.
    opened = Counter(address)
    while address:
        last = address[-1]
        if last in _BRACKETS and opened[last] > opened[_BRACKETS[last]]:
            opened[last] -= 1
            address = address[:-1]
        elif end := _AFTER_ADDRESS.search(address):
            address = address[: end.start()]
        else:
            break
    return address


def _before_emphasis(address: str, before: str) -> str:
    # Return the address up to the end of emphasis that begins before it; other “*” and “_” are part of it.
    if "*" not in address and "_" not in address:
        return address
    marks = Counter(_EMPHASIS.findall(before))
    for mark in _EMPHASIS.finditer(address):
        still_open = sum(len(run) for run, number in marks.items() if number % 2 and run[0] == mark[0][0])
        if marks[mark[0]] % 2 or still_open == len(mark[0]):
            return address[: mark.start()]
    return address


def _link(address: str, text: str) -> Element:
    link = Element("a", {"href": address})
    link.text = AtomicString(text)
    return link


class _PlainTexts(Treeprocessor):
    # Leaves texts without marks, such as most cells of tables, out of the search for marks.
    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.text and not _INLINE_MARK.search(element.text):
                element.text = AtomicString(element.text)


class _ReadersTree(Treeprocessor):
    # Headings below those of the page, images as links, safe addresses, no other attributes.
    def run(self, root: Element) -> None:
        _lower_headings(root)
        for element in list(root.iter()):
            if element.tag == "img":
                element.tag, element.text = "a", element.get("alt") or element.get("src", "")
                element.set("href", element.get("src", ""))
            elif element.tag == "hr":
                element.tag, element.text = "p", "* * *"
            if element.tag == "a" and not is_safe_address(_reference(element)):
                element.tag = None  # type: ignore[assignment]  # the serialiser writes its content only
            _keep_attributes(element)
            element.text, element.tail = _escape_unknown(element.text), _escape_unknown(element.tail)
        for link in list(root.iter("a")):
            for inner in list(link.iter("a"))[1:]:
                inner.tag = None  # type: ignore[assignment]


def _lower_headings(root: Element) -> None:
    # The highest headings of a text become h3, others h4, and the first is never lower than the next.
    headings = [element for element in root.iter() if element.tag in _HEADINGS]
    highest = min((heading.tag for heading in headings), default="")
    has_highest = False
    for heading in headings:
        is_highest = not has_highest or heading.tag == highest
        has_highest = True
        heading.tag = "h3" if is_highest else "h4"


def _reference(link: Element) -> str:
    return re.sub("&(?!amp;)", "&amp;", link.get("href", ""))


def _keep_attributes(element: Element) -> None:
    if not element.attrib:
        return
    kept = dict[str, str]()
    if element.tag == "a":
        kept = {"href": _reference(element), "rel": REL}
    elif element.tag == "ol" and re.fullmatch("[0-9]{1,9}", number := element.get("start", "")):
        kept = {"start": number}
    element.attrib.clear()
    element.attrib.update(kept)


def _escape_unknown(text: str | None) -> str | None:
    # The serialiser takes each “&name;” for an entity.
    if not text or "&" not in text:
        return text
    return _ENTITY.sub(lambda found: found[0] if found[1] in ENTITIES else f"&amp;{found[1]};", text)
