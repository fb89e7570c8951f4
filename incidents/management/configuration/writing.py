"""Writes the page as a file that `apply` reads."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from .registry import SECTIONS
from .sections import FileSection, Row

HEAD = """\
# The status page as a file: its settings, groups, components, templates and alert rules.
#
#     manage.py apply page.toml --check    shows how the page differs from this file
#     manage.py apply page.toml            stores the differences, after asking
#
# The order of groups, components and templates is their order on the page. What this file leaves out stays as it is,
# unless --prune is given. docs/automation.md has more.
"""
# What must be escaped in a text of several lines, where tabs and line ends may be written as they are.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
# Three quotation marks in a row, or one at the end, would end the text.
_CLOSING = re.compile(r'"(?=""|"?\Z)')


def written() -> str:
    """Return the file that describes the page as it is stored."""
    return HEAD + "".join(
        f"\n{line}" for section in SECTIONS for row in section.stored() for line in _table(section, row)
    )


def _table(section: FileSection, row: Row) -> Iterator[str]:
    defaults = section.leaves_of(section.model())
    plain = {leaf: value for leaf, value in row.leaves.items() if _is_said(value, defaults.get(leaf))}
    lists = {leaf: value for leaf, value in plain.items() if isinstance(value, list)}
    lines = [f"{leaf} = {toml(value)}\n" for leaf, value in plain.items() if leaf not in lists]
    yield f"[{section.path(row.key)}]\n" + "".join(lines)
    for leaf, tables in lists.items():
        for table in tables:
            yield f"[[{section.path(row.key)}.{leaf}]]\n" + "".join(_lines(table))


def _is_said(value: Any, default: Any) -> bool:
    # Nothing is said of what is empty or off, unless that is not the default: then leaving it out would change it.
    return value not in ("", False, []) or (value != default and bool(default))


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{line}" for line in _lines(value))
        else:
            yield f"{key} = {toml(value)}\n"


def toml(value: Any) -> str:
    """Return a value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case int() | date():
            return str(value)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
    return _text(str(value))


def _text(text: str) -> str:
    # Texts of several lines are between three quotation marks.
    if "\n" not in text:
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON escapes all else that TOML does
    escaped = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\\", "\\\\"))
    return '"""\n' + _CLOSING.sub('\\"', escaped) + '"""'
