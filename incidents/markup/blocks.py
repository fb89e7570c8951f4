"""Blocks of Markdown as CommonMark 0.31 and GitHub read them: lists, quotes, code, tables, headings, paragraphs.

python-markdown nests lists by four spaces only, finds fences at the margin only, and
renumbers ordered lists; pymdown-extensions keeps its lists. This parser reads the
lines and leaves tables, references and everything within a line to python-markdown.
Unlike CommonMark, a list keeps its numbers or is none. Pure.
"""

import re
from collections.abc import Sequence
from typing import Protocol
from xml.etree.ElementTree import Element, ElementTree, SubElement

from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.blockprocessors import BlockProcessor
from markdown.util import AtomicString, code_escape

from .items import Item, item_at

_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r" {0,3}> ?")
_RULE = re.compile(r" {0,3}([-_*])(?: *\1){2,} *$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?= |$)(.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+) *$")
_DELIMITERS = frozenset("|:- ")
_DEFINITION = re.compile(r"\[[^\[\]]+\]:")
_HARD_BREAK = re.compile(r"(?<!\\)((?:\\\\)*)\\$")
# What a line may have before the text that lists and quotes contain.
_CONTAINERS = re.compile(r"(?: *(?:>|(?:[-+*]|\d{1,9}[.)])(?= |$)))* *")
_TASK = re.compile(r"\[([ xX])\](?= +\S)")
_TASK_BOXES = {" ": "☐", "x": "☑", "X": "☑"}  # readers would try to change a form control


class _Reader(Protocol):
    def __call__(self, parent: Element, lines: Sequence[str], place: int) -> int: ...


class BlockReader(BlockParser):
    """Replaces the block parser of python-markdown."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md)
        self.blockprocessors = md.parser.blockprocessors
        # Each appends the block that begins at a line, and returns the place after it; `place` if there is none.
        self._readers: list[_Reader] = [
            self._fenced, self._quote, self._heading, self._rule, self._list, self._indented, self._table,
        ]  # fmt: skip

    def parseDocument(self, lines: Sequence[str]) -> ElementTree:  # type: ignore[override]  # noqa: N802 - markdown's name
        self.root = Element(self.md.doc_tag)
        self._read(self.root, "\n".join(lines).split("\n"))
        return ElementTree(self.root)

    def _read(self, parent: Element, lines: Sequence[str]) -> bool:
        # Append the blocks; return whether there are blank lines between them.
        place, is_after_blank, has_gaps = 0, False, False
        while place < len(lines):
            if not lines[place]:
                place, is_after_blank = place + 1, True
                continue
            has_gaps |= is_after_blank and len(parent) > 0
            is_after_blank = False
            place = self._block(parent, lines, place)
        return has_gaps

    def _block(self, parent: Element, lines: Sequence[str], place: int) -> int:
        for reader in self._readers:
            if (after := reader(parent, lines, place)) > place:
                return after
        return self._paragraph(parent, lines, place)

    def _fenced(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not (fence := _FENCE.match(lines[place])):
            return place
        end = place + 1
        while end < len(lines) and not _is_end_of(fence[2], lines[end]):
            end += 1
        _append_code(parent, [_dedented(line, len(fence[1])) for line in lines[place + 1 : end]])
        return end + 1

    def _quote(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not _QUOTE.match(lines[place]):
            return place
        inner, paragraph = list[str](), _Paragraph()
        while place < len(lines):
            if mark := _QUOTE.match(lines[place]):
                inner.append(lines[place][mark.end() :].rstrip())
            elif paragraph.continues_with(lines[place]):
                inner.append(lines[place])
            else:
                break
            paragraph.read(inner[-1])
            place += 1
        self._read(SubElement(parent, "blockquote"), inner)
        return place

    def _heading(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not (heading := _HEADING.match(lines[place])):
            return place
        text = heading[2].strip()
        without_end = text.rstrip("#")
        is_ended = not without_end or without_end.endswith(" ")
        SubElement(parent, f"h{len(heading[1])}").text = without_end.strip() if is_ended else text
        return place + 1

    def _rule(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not _RULE.match(lines[place]):
            return place
        SubElement(parent, "hr")
        return place + 1

    def _list(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not (item := item_at(lines[place])):
            return place
        items, contents, is_loose = list[Item](), list[list[str]](), False
        after, kind = place, item.kind
        while item and item.kind == kind and not _RULE.match(lines[place]):
            content, after = _content_of(item, lines, place)
            items.append(item)
            contents.append(content)
            place = _after_blank(lines, after)
            item = item_at(lines[place]) if place < len(lines) else None
            is_loose |= place > after and item is not None and item.kind == kind
        if kind in ".)" and not _is_numbered([item.number for item in items]):
            self._read(parent, _as_text(items, contents, is_loose=is_loose))
        else:
            self._append_list(parent, items, contents, is_loose=is_loose)
        return after

    def _append_list(
        self, parent: Element, items: Sequence[Item], contents: Sequence[list[str]], *, is_loose: bool
    ) -> None:
        element = SubElement(parent, "ol" if items[0].kind in ".)" else "ul")
        if items[0].number != 1 and element.tag == "ol":
            element.set("start", str(items[0].number))
        for content in contents:
            content[0] = _TASK.sub(lambda task: _TASK_BOXES[task[1]], content[0], count=1)
            is_loose |= self._read(SubElement(element, "li"), content)
        if not is_loose:
            for item in element:
                _unwrap_paragraphs(item)

    def _indented(self, parent: Element, lines: Sequence[str], place: int) -> int:
        end = after = place
        while end < len(lines) and (not lines[end] or lines[end].startswith("    ")):
            end += 1
            after = end if lines[end - 1] else after
        if after > place:
            _append_code(parent, [line[4:] for line in lines[place:after]])
        return after

    def _table(self, parent: Element, lines: Sequence[str], place: int) -> int:
        if not self._is_table(parent, lines, place):
            return place
        end = place + 2
        while end < len(lines) and lines[end] and not _interrupts(lines[end]):
            end += 1
        self._processor("table").run(parent, ["\n".join(lines[place:end])])
        return end

    def _is_table(self, parent: Element, lines: Sequence[str], place: int) -> bool:
        # The processor remembers the columns of the table that it tested last.
        if place + 1 >= len(lines) or "|" not in lines[place] or not {"|", "-"} <= set(lines[place + 1]) <= _DELIMITERS:
            return False
        return bool(self._processor("table").test(parent, "\n".join(lines[place : place + 2])))

    def _processor(self, name: str) -> BlockProcessor:
        return self.blockprocessors[name]

    def _paragraph(self, parent: Element, lines: Sequence[str], place: int) -> int:
        end = place + 1
        while end < len(lines) and lines[end]:
            if underline := _UNDERLINE.match(lines[end]):
                level = 1 if underline[1].startswith("=") else 2
                SubElement(parent, f"h{level}").text = _joined(lines[place:end])
                return end + 1
            if _interrupts(lines[end]) or self._is_table(parent, lines, end):
                break
            end += 1
        if text := self._without_definitions(parent, _joined(lines[place:end])):
            SubElement(parent, "p").text = text
        return end

    def _without_definitions(self, parent: Element, text: str) -> str:
        blocks, processor = [text], self._processor("reference")
        while blocks and _DEFINITION.match(blocks[0]) and processor.run(parent, blocks):
            pass
        return "\n".join(blocks)


class _Paragraph:
    # Whether the last of some lines is in a paragraph, which may then continue without the marks around it.
    def __init__(self) -> None:
        self._is_open = False
        self._fence = ""

    def read(self, line: str) -> None:
        text = line[_CONTAINERS.match(line).end() :]  # type: ignore[union-attr]  # it matches each line
        if self._fence:
            self._fence = "" if _is_end_of(self._fence, text) else self._fence
            self._is_open = False
        elif fence := _FENCE.match(text):
            self._fence, self._is_open = fence[2], False
        else:
            is_code = line.startswith("    ") and text == line.lstrip() and not self._is_open
            self._is_open = bool(text) and not (is_code or _HEADING.match(text) or _RULE.match(line))

    def continues_with(self, line: str) -> bool:
        return bool(line) and self._is_open and not (_interrupts(line) or item_at(line, with_dates=True))


def _content_of(item: Item, lines: Sequence[str], place: int) -> tuple[list[str], int]:
    # Return the lines of an item without its indentation, and the place after the last one that is not blank.
    content, paragraph = [item.text], _Paragraph()
    paragraph.read(item.text)
    after = place = place + 1
    while place < len(lines):
        line = lines[place]
        if not line and (len(content) > 1 or item.text):
            content.append("")
        elif line and item.contains(line, content[0]):
            content.append(_dedented(line, item.offset))
        elif content[-1] and paragraph.continues_with(line):
            content.append(line)
        else:
            break
        paragraph.read(content[-1])
        place += 1
        after = place if line else after
    return content[: len(content) - (place - after)], after


def _interrupts(line: str) -> bool:
    # Whether a line ends the paragraph before it.
    if _FENCE.match(line) or _QUOTE.match(line) or _HEADING.match(line) or _RULE.match(line):
        return True
    item = item_at(line)
    return item is not None and item.number == 1 and bool(item.text)


def _is_end_of(fence: str, line: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and not text.strip(fence[0]) and not line.startswith("    ")


def _is_numbered(numbers: Sequence[int]) -> bool:
    # Whether a list shows these numbers; “1.” for all of them is how many write any list.
    return set(numbers) == {1} or all(number == numbers[0] + place for place, number in enumerate(numbers))


def _as_text(items: Sequence[Item], contents: Sequence[list[str]], *, is_loose: bool) -> list[str]:
    # Return items as lines of text that begin with their numbers; what an item contains ends before the next.
    lines = list[str]()
    for item, content in zip(items, contents, strict=True):
        lines += [f"{item.number_as_typed}\\{item.kind} {content[0]}".rstrip(), *content[1:]]
        lines += [""] if is_loose or len(content) > 1 else []
    return lines


def _unwrap_paragraphs(item: Element) -> None:
    # Make the paragraphs of an item in a list without blank lines its text.
    before: Element | None = None
    for child in list(item):
        if child.tag != "p":
            before = child
            continue
        item.remove(child)
        if before is None:
            item.text = f"{item.text}\n{child.text}" if item.text else child.text
        else:
            before.tail = f"{before.tail}\n{child.text}" if before.tail else child.text


def _append_code(parent: Element, lines: Sequence[str]) -> None:
    code = SubElement(SubElement(parent, "pre"), "code")
    code.text = AtomicString(code_escape("\n".join([*lines, ""])))


def _after_blank(lines: Sequence[str], place: int) -> int:
    while place < len(lines) and not lines[place]:
        place += 1
    return place


def _dedented(line: str, width: int) -> str:
    return line[min(width, len(line) - len(line.lstrip(" "))) :]


def _joined(lines: Sequence[str]) -> str:
    # Each end of a line is a line break already, with a backslash or two spaces before it or without.
    stripped = [line.strip() for line in lines]
    return "\n".join([*(_HARD_BREAK.sub(r"\1", line) for line in stripped[:-1]), *stripped[-1:]])
