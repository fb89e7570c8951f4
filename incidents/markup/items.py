"""The marks that begin items of Markdown lists, and which lines belong to an item. Pure."""

import re
from dataclasses import dataclass

# A number of four digits is a year or an order, and a number before a month is a date.
_ITEM = re.compile(r"( {0,3})([-+*]|([0-9]{1,3})([.)]))(?= |$)( *)(.*)")
_MONTH = re.compile(
    r"(?:januar[iy]?|februar[iy]?|marts?|march|april|ma[ij]|may(?= [0-9])|jun[ei]|jul[iy]|august|september|o[kc]tober"
    r"|november|de[cz]ember|(?:jan|feb|mar|apr|jun|jul|aug|sept?|o[kc]t|nov|de[cz])\.)(?![\w-])",
    re.IGNORECASE,
)
_NESTED_BULLET = re.compile(r" *(?:[-+*]|1[.)])(?= )")


@dataclass(frozen=True)
class Item:
    kind: str  # the bullet, or what is after the number
    number_as_typed: str
    indent: int
    offset: int  # where the text begins
    text: str

    @property
    def number(self) -> int:
        return int(self.number_as_typed or 1)

    def contains(self, line: str, first: str) -> bool:
        """Whether a line is indented enough; two spaces are enough for a list in a numbered item."""
        indent = len(line) - len(line.lstrip(" "))
        if indent >= self.offset:
            return True
        return bool(first) and self.kind in ".)" and indent >= self.indent + 2 and bool(_NESTED_BULLET.match(line))


def item_at(line: str, *, with_dates: bool = False) -> Item | None:
    """Return the item that begins at a line; a date such as “9. oktober” begins none."""
    if not (found := _ITEM.match(line)):
        return None
    indent, mark, number, delimiter, space, text = found.groups()
    if number and not with_dates and _MONTH.match(text):
        return None
    width = len(indent) + len(mark) + 1
    if text and len(space) <= 4:
        width += len(space) - 1
    else:
        text = (space[1:] + text) if text else ""
    return Item(delimiter or mark, number or "", len(indent), width, text)
