"""Converts the HTML of `markup` to plain text for emails. Pure: does not import Django."""

import re
from collections.abc import Iterable
from html import unescape

_VOID = frozenset({"br"})
_BLOCKS = frozenset({"p", "ul", "ol", "blockquote", "pre", "h3", "h4", "table"})
# A placeholder for a line break until spaces are collapsed; `markup.clean` removes it from texts.
_BREAK = "\v"

_TOKEN = re.compile(r"""<(/?)([a-z0-9]+)((?:[^">]|"[^"]*")*)>|([^<]+)""")
_ATTRIBUTE = re.compile(r'''([a-z]+)="([^"]*)"''')

Lines = list[str]


class Element:
    """A tag and its children: text and elements."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    def elements(self, *tags: str) -> "list[Element]":
        return [child for child in self.children if isinstance(child, Element) and child.tag in tags]

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


def plain(html: str) -> str:
    """Return plain text: list items with “-” or a number, quotes with “>”, links as “text (address)”."""
    return "\n".join(line.rstrip() for line in _joined(_blocks(_tree(html)))).strip("\n")


def _tree(html: str) -> Element:
    # Return the elements of HTML from `markup`, in which all tags are closed.
    open_elements = [root := Element("", {})]
    for end, tag, attributes, text in _TOKEN.findall(html):
        if text:
            open_elements[-1].children.append(unescape(text))
        elif not end:
            element = Element(tag, {name: unescape(value) for name, value in _ATTRIBUTE.findall(attributes)})
            open_elements[-1].children.append(element)
            if tag not in _VOID:
                open_elements.append(element)
        elif open_elements[-1].tag == tag:
            open_elements.pop()
    return root


def _blocks(parent: Element) -> list[Lines]:
    # Return the blocks in an element; text between them is a block of its own.
    blocks: list[Lines] = []
    inline: list[Element | str] = []
    for child in [*parent.children, Element("p", {})]:
        if isinstance(child, Element) and child.tag in _BLOCKS:
            blocks += [_inline(inline), _block(child)]
            inline = []
        else:
            inline.append(child)
    return [block for block in blocks if any(block)]


def _block(element: Element) -> Lines:
    match element.tag:
        case "pre":
            return element.text().strip("\n").split("\n")
        case "blockquote":
            return [f"> {line}".rstrip() for line in _joined(_blocks(element))]
        case "ul" | "ol":
            return _list(element)
        case "table":
            return _table(element)
    return _inline(element.children)


def _joined(blocks: Iterable[Lines], between: Lines | None = None) -> Lines:
    lines: Lines = []
    for block in blocks:
        lines += [*((between if between is not None else [""]) if lines else []), *block]
    return lines


def _list(element: Element) -> Lines:
    items = element.elements("li")
    number = int(element.attributes.get("start") or 1)
    marks = [f"{number + place}." if element.tag == "ol" else "-" for place in range(len(items))]
    return _joined((_item(mark, item) for mark, item in zip(marks, items, strict=True)), between=[])


def _item(mark: str, item: Element) -> Lines:
    # Return the mark and the item's text; further lines are indented.
    blocks = _blocks(item)
    has_paragraphs = len(item.elements("p")) > 1
    lines = _joined(blocks, between=None if has_paragraphs else []) or [""]
    indent = " " * (len(mark) + 1)
    return [f"{mark} {lines[0]}", *(f"{indent}{line}" if line else "" for line in lines[1:])]


def _table(element: Element) -> Lines:
    rows = [
        [" ".join(_inline(cell.children)) for cell in row.elements("td", "th")]
        for part in element.elements("thead", "tbody")
        for row in part.elements("tr")
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]


def _inline(children: Iterable[Element | str]) -> Lines:
    text = re.sub(r"[ \t\n]+", " ", "".join(_text(child) for child in children))
    return [line.strip(" ") for line in text.strip(f" {_BREAK}").split(_BREAK)]


def _text(child: Element | str) -> str:
    if isinstance(child, str):
        return child
    if child.tag == "br":
        return _BREAK
    text = "".join(_text(inner) for inner in child.children)
    address = child.attributes.get("href", "").removeprefix("mailto:")
    return text if _bare(text) == _bare(address) or not address else f"{text} ({address})"


def _bare(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://").removesuffix("/")
