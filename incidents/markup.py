"""Markdown to safe HTML and to plain text: the one place where staff's text becomes markup.

python-markdown writes the HTML with raw HTML switched off, so that a tag somebody
types is shown as typed; bleach then lets through only what STANDARDS S5 lists.
The source is what is stored: every rendering comes through here anew.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element  # noqa: S405 - markdown's own tree, nothing is parsed

import bleach
from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

TAGS = frozenset("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())
SCHEMES = frozenset({"http", "https", "mailto"})
# XML 1.0 forbids these even as references, so they would break feeds (RFC 4287 §2).
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}


def html(source: str) -> SafeString:
    """Markdown as HTML that is safe on a page, in a feed and in a mail.

    Only TAGS and links with SCHEMES survive; headings begin at h3; an image
    becomes a link to it, because a remote picture tells a third party who reads.
    """
    converter = Markdown(extensions=["tables", "fenced_code", "sane_lists", "nl2br", _House()])
    return mark_safe(_cleaner().clean(converter.convert(clean(source))))  # noqa: S308 - this is the sanitiser


def plain(source: str) -> str:
    """Markdown as text for mail and previews: no markup, list items with “-”, links as “text (address)”."""
    writer = _PlainWriter()
    writer.feed(html(source))
    writer.close()
    return writer.text()


def clean(text: str) -> str:
    """Text without the control characters that XML 1.0 cannot carry, line ends as \\n."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class _House(Extension):
    """Raw HTML off, headings demoted, images as links."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - markdown's name
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.treeprocessors.register(_Demote(md), "house", 0)


class _Demote(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter():
            element.tag = _HEADINGS.get(element.tag, element.tag)
            if element.tag == "img":
                address, words = element.get("src", ""), element.get("alt", "")
                element.clear()
                element.tag, element.text = "a", words or address
                element.set("href", address)


def _is_safe_link(_tag: str, name: str, value: str) -> bool:
    """Explicit schemes only: `//evil` and `javascript:` are not addresses we link to."""
    if name != "href":
        return False
    try:
        return urlsplit(value.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


def _guard(attrs: dict[tuple[str | None, str] | str, str], _new: bool = False) -> dict[tuple[str | None, str] | str, str]:
    attrs[None, "rel"] = "noopener noreferrer nofollow"
    return attrs


class _LinkFilter(LinkifyFilter):
    def __init__(self, source: object) -> None:
        super().__init__(source, callbacks=[_guard], skip_tags={"pre", "code"})


def _cleaner() -> Cleaner:
    return bleach.sanitizer.Cleaner(
        tags=TAGS,
        attributes={"a": _is_safe_link},
        protocols=SCHEMES,
        filters=[_LinkFilter],
    )


class _PlainWriter(HTMLParser):
    """Writes the few tags of TAGS as plain text."""

    _BLOCKS = frozenset({"p", "ul", "ol", "blockquote", "pre", "h3", "h4", "table"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.lists: list[int | None] = []
        self.link = ""
        self.link_start = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._BLOCKS:
            self.parts.append("\n\n" if not self.lists else "\n")
        if tag in {"ul", "ol"}:
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self.parts.append(f"\n{'  ' * (len(self.lists) - 1)}{self._bullet()} ")
        elif tag in {"br", "tr"}:
            self.parts.append("\n")
        elif tag == "a":
            self.link, self.link_start = dict(attrs).get("href") or "", len(self.parts)

    def _bullet(self) -> str:
        if not self.lists or self.lists[-1] is None:
            return "-"
        self.lists[-1] += 1
        return f"{self.lists[-1]}."

    def handle_endtag(self, tag: str) -> None:
        if tag in {"ul", "ol"}:
            self.lists.pop()
        elif tag in {"td", "th"}:
            self.parts.append("  ")
        elif tag == "a":
            words = "".join(self.parts[self.link_start :])
            address = self.link.removeprefix("mailto:")
            if address and words != address:
                self.parts.append(f" ({address})")
        if tag in self._BLOCKS:
            self.parts.append("\n\n" if not self.lists else "")

    def handle_data(self, data: str) -> None:
        if self.parts and self.parts[-1].endswith("\n"):
            data = data.removeprefix("\n")
        self.parts.append(data if data.strip() else " " if data and "\n" not in data else "")

    def text(self) -> str:
        lines = (line.rstrip() for line in "".join(self.parts).splitlines())
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
