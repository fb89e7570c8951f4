"""How complicated the Markdown of a text is, by counting. Pure.

python-markdown needs time for each mark and stack for each level, and some marks in
thousands take it minutes. These bounds keep each text of 20,000 characters below
50 ms; they allow a report with 80 list items, each with a link, and 120 cells.
"""

import re
from dataclasses import dataclass

MAX_MARKS = 700
MAX_LEVELS = 10

# Marks and ends of lines take about the same time each. What occurs in two of these counts twice, and so
# do the ends of lines with a break or before an indented line, and emphasis at the end of a cell.
_MARKS = [*"` ~ ![ [ ]( ]: )[ )![ < @ @ | *| _| \\ \x02 &".split(" "), ") [", ") ![", "\n", "  \n", "\n    "]
_ADDRESSES = ["://", "http://", "https://", "www.", "www."]
_LINKED_ADDRESSES = ["](http://", "](https://"]  # need no search
_EMPHASIS = re.compile(r"\*\*?|__?")
# What begins items, quotes and headings takes twice as long.
_BEGINNING = re.compile(r"-+|=+|#+|[+>]|\*(?=[ \t])|\d+[.)]")
_BEGINNINGS = re.compile(rf"(?:[ \t]*(?:{_BEGINNING.pattern}))*")
# The end of each of these is searched for in the whole text.
_SEARCHED = re.compile(r"(?:```|~~~) *[^\s`~]|<!\[CDATA\[")
# The row below the head of a table, perhaps in an item or a quote, in two patterns: one would need quadratic time.
_DELIMITERS = re.compile(r"[\s>*+0-9.)|:-]*")
_DELIMITERS_REVERSED = re.compile(r"[\s:-]*\|")
_FENCE = re.compile(r"(~~~+|```+)(?: *[\w#.+-]* *$)?")
_ITEM = re.compile(r"(?:[ \t]*(?:[-*+>]|\d{1,9}[.)]))*[ \t]*")
_ITEM_MARK = re.compile(r"[-*+](?=[ \t])|>|\d[.)]")


@dataclass(frozen=True)
class Complexity:
    marks: int
    levels: int

    @property
    def is_accepted(self) -> bool:
        return self.marks <= MAX_MARKS and self.levels <= MAX_LEVELS


def measure(text: str) -> Complexity:
    """Count the marks of a text and, unless they are too many, the lists and quotes around its most nested line."""
    prose = _without_code(text)
    lines = prose.split("\n")
    marks = _marks(prose) + _beginnings(lines) + _missing_cells(lines)
    return Complexity(marks, _levels(lines) if marks <= MAX_MARKS else 0)


def _marks(text: str) -> int:
    lower = text.lower()
    addresses = sum(map(lower.count, _ADDRESSES)) - 2 * sum(map(lower.count, _LINKED_ADDRESSES))
    searches = len(_EMPHASIS.findall(text)) + 10 * len(_SEARCHED.findall(text))
    return sum(map(text.count, _MARKS)) + text.count("\n\n") // 3 + addresses + searches


def _beginnings(lines: list[str]) -> int:
    starts = (found[0] for line in lines if (found := _BEGINNINGS.match(line)) and found[0])
    # “*” is among the marks already.
    return sum(1 if mark == "*" else 2 for start in starts for mark in _BEGINNING.findall(start + " "))


def _missing_cells(lines: list[str]) -> int:
    # Count the cells that python-markdown adds to short rows of tables.
    columns = missing = 0
    for line in lines:
        if columns and line.strip():
            missing += max(columns - line.count("|"), 0)
        else:
            columns = line.count("|") if _is_delimiter_row(line) else 0
    return missing


def _is_delimiter_row(line: str) -> bool:
    return bool(_DELIMITERS.fullmatch(line) and _DELIMITERS_REVERSED.match(line[::-1]))


def _without_code(text: str) -> str:
    # Return the text without the lines of its fenced code: a log of a thousand lines takes no time.
    kept, code, fence = list[str](), list[str](), ""
    for line in text.split("\n"):
        if fence:
            code.append(line)
            if line.rstrip(" ") == fence:
                fence = ""
                kept.append(line)
        else:
            kept.append(line)
            if found := _FENCE.match(line):
                if found.end() < len(line):
                    return text  # python-markdown may see a fence here or not
                code, fence = [], found[1]
    return "\n".join(kept + code if fence else kept)


def _levels(lines: list[str]) -> int:
    most = around = 0
    for line in lines:
        start = _ITEM.match(line)
        prefix = start[0] if start else ""
        marks = len(_ITEM_MARK.findall(prefix + " "))
        indent = len(prefix.expandtabs(4)) - len(prefix.lstrip())
        # Indentation nests a line only in the items above it.
        level = min(indent // 2, around) + marks
        around = level if marks else around
        most = max(most, level)
    return most
