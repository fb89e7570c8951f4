"""The examples of the CommonMark specification 0.31.2, without those about HTML, which we never allow.

`commonmark.jsonl` comes from https://spec.commonmark.org/0.31.2/spec.json by John
MacFarlane, CC BY-SA 4.0. Its HTML is compared with ours as readers see it: a
picture is a link, a link without a full address is text, and a rule is “* * *”.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

_ALLOWED = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


class Example(NamedTuple):
    number: int
    section: str
    source: str
    html: str


def examples() -> Iterator[Example]:
    """Yield the examples whose result contains no HTML that was typed."""
    for line in (Path(__file__).parent / "commonmark.jsonl").read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        if not _Typed(found["markdown"]).tags & _Typed(found["html"]).tags:
            yield Example(found["example"], found["section"], found["markdown"], found["html"])


class _Typed(HTMLParser):
    # The tags in a text.
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.add(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.add("!")


class _Seen(HTMLParser):
    # What readers see: blocks, links with their addresses, emphasis, and text.
    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._links: list[bool] = []
        self._in_code = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self._links.append(self._link(values.get("href")))
        elif tag == "img":
            is_link = self._link(values.get("src"))
            self.parts += [values.get("alt") or "", *(["</a>"] if is_link else [])]
        elif tag == "hr":
            self.parts.append("<p>* * *</p>")
        elif tag == "br":
            self.parts.append(" ")
        else:
            self._in_code |= tag == "pre"
            start = f" {values['start']}" if tag == "ol" and "start" in values else ""
            self.parts.append(f"<{_heading(tag)}{start}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _link(self, address: str | None) -> bool:
        if is_link := bool(address and _ALLOWED.match(address)):
            self.parts.append(f"<a {unquote(address or '')}>")
        return is_link

    def handle_endtag(self, tag: str) -> None:
        self._in_code &= tag != "pre"
        if tag != "a" or self._links.pop():
            self.parts.append(f"</{_heading(tag)}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(data if self._in_code else re.sub(r"\s+", " ", data).replace("<", "&lt;"))


def _heading(tag: str) -> str:
    return "h" if re.fullmatch("h[1-6]", tag) else tag


def seen(html: str) -> str:
    """Return HTML in a form that is the same if readers see the same."""
    parts = re.split(r"(<pre>.*?</pre>)", "".join(_Seen(html).parts), flags=re.DOTALL)
    blocks = r" *(</?(?:p|ul|ol|li|blockquote|h|table)(?: [^>]*)?>) *"
    return "".join(
        part.rstrip("\n ") if place % 2 else re.sub(" +", " ", re.sub(blocks, r"\1", part)).strip()
        for place, part in enumerate(parts)
    )
