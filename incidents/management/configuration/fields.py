"""The fields of a thing in the file: which values they take, and their leaves.

A leaf is a path below the thing and a value without structure: `name.da`, `hidden`. Only `links` is a list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from django.conf import settings

from incidents.models.fields import LocalizedField
from incidents.text import Text

Leaves = dict[str, Any]
# Gets the path below the field, empty for the field itself, and what is wrong there.
Report = Callable[[str, str], None]


class Field(Protocol):
    def read(self, raw: Any, report: Report) -> Leaves:
        """Return the leaves of a value in the file, by their paths below the field. Reports faults."""

    def leaves(self, value: Any) -> Leaves:
        """Return the leaves of a value in the database."""

    def value(self, leaves: Mapping[str, Any]) -> Any:
        """Return what the database stores for leaves."""


@dataclass(frozen=True)
class Single:
    """A text, yes or no, a number, or a day. An empty text clears a text or a day."""

    of: type[str | bool | int | date] = str

    def read(self, raw: Any, report: Report) -> Leaves:
        is_empty = raw == "" and self.of not in {bool, int}
        is_other = isinstance(raw, datetime) or (isinstance(raw, bool) and self.of is int)
        if not is_empty and (not isinstance(raw, self.of) or is_other):
            report("", f"Write {_NAMES[self.of]}.")
        elif isinstance(raw, str) and "\x00" in raw:
            report("", "A text cannot contain the character U+0000.")
        else:
            return {"": raw}
        return {}

    def leaves(self, value: Any) -> Leaves:
        return {"": "" if value is None else value}

    def value(self, leaves: Mapping[str, Any]) -> Any:
        found = leaves.get("", False if self.of is bool else "")
        return None if found == "" and self.of is date else found


_NAMES: dict[Any, str] = {
    str: "a text in quotation marks",
    bool: "true or false",
    int: "a number without quotation marks",
    date: "a day without quotation marks, such as 2026-11-27",
}


@dataclass(frozen=True)
class Words:
    """A text in each language. An empty text clears a language."""

    single_line: bool = False

    def read(self, raw: Any, report: Report) -> Leaves:
        texts = read_texts(raw, report)
        tidied = LocalizedField(single_line=self.single_line).to_python(texts)
        return {language: tidied.get(language, "") for language in texts}

    def leaves(self, value: Text) -> Leaves:
        return {code: value[code] for code, _name in settings.LANGUAGES if code in value}

    def value(self, leaves: Mapping[str, Any]) -> Text:
        return Text(leaves)


def read_texts(raw: Any, report: Report) -> dict[str, str]:
    """Return the texts by language. Reports unknown languages and other types."""
    if not isinstance(raw, dict):
        codes = " and ".join(f'.{code} = "…"' for code, _name in settings.LANGUAGES)
        report("", f"Write one text per language: {codes}.")
        return {}
    languages = dict(settings.LANGUAGES)
    found = {}
    for code, text in raw.items():
        if code not in languages:
            report(code, f"The page has no such language. There are: {', '.join(languages)}.")
        elif not isinstance(text, str):
            report(code, f"Write {_NAMES[str]}.")
        else:
            found[code] = text
    return found


class Links:
    """The links in the footer: a list of tables, each with an address and a label in each language."""

    def read(self, raw: Any, report: Report) -> Leaves:
        if not isinstance(raw, list) or not all(isinstance(link, dict) for link in raw):
            report("", "Write each link as a table [[page.links]] with `address` and `label`.")
            return {}
        return {"": [self._link(number, link, report) for number, link in enumerate(raw, 1)]}

    def _link(self, number: int, raw: dict[str, Any], report: Report) -> Leaves:
        def at(path: str, fault: str) -> None:
            report(f"{number}.label.{path}".rstrip("."), fault)

        for key in raw.keys() - {"address", "label"}:
            report(f"{number}.{key}", "There is no such key. There are: address, label.")
        address = raw.get("address", "")
        if not isinstance(address, str):
            report(f"{number}.address", f"Write {_NAMES[str]}.")
            address = ""
        return _link(address.strip(), Text(read_texts(raw.get("label", {}), at)))

    def leaves(self, value: Any) -> Leaves:
        return {"": [_link(link["address"], Text(link["label"])) for link in value]}

    def value(self, leaves: Mapping[str, Any]) -> Any:
        return leaves.get("") or []


def _link(address: str, label: Text) -> dict[str, Any]:
    return {"address": address, "label": Words().leaves(label)}
