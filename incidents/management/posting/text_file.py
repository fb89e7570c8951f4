"""The file that holds the title and the text of an update in every language: written by people, read strictly.

A heading such as `[text da]` stands alone on its line. Lines that begin with “;” are comments: “#” begins a heading of
Markdown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from incidents.text import Text

_HEADING = re.compile(r"\[([^\[\]]*)\]\s*")
_COMMENT = ";"


class TextFileError(ValueError):
    """A line that is not understood. The message begins with its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"line {number}: {message}")


@dataclass(frozen=True)
class Texts:
    """The title and the text of an update, as written."""

    title: Text = field(default_factory=Text)
    text: Text = field(default_factory=Text)

    def __bool__(self) -> bool:
        return bool(self.title or self.text)


def headings(languages: Sequence[str], *, has_title: bool) -> list[str]:
    """Return the headings that a file may have, in the order of the template."""
    parts = ["title", "text"] if has_title else ["text"]
    return [f"{part} {code}" for code in languages for part in parts]


def parse(source: str, languages: Sequence[str], *, has_title: bool) -> Texts:
    """Read a file. Raises TextFileError for the first line that is not understood."""
    known = headings(languages, has_title=has_title)
    found: dict[str, list[str]] = {}
    current = None
    for number, line in enumerate(source.removeprefix("\ufeff").split("\n"), 1):
        if line.startswith(_COMMENT):
            continue
        if heading := _HEADING.fullmatch(line):
            current = _checked(number, heading[1], known, found)
            found[current] = []
        elif current is not None:
            if current.startswith("title") and line.strip() and any(one.strip() for one in found[current]):
                raise TextFileError(number, f"[{current}] has a second line. A title is one line.")
            found[current].append(line)
        elif line.strip():
            raise TextFileError(number, f"this stands before the first heading. Begin with [{known[0]}].")
    return Texts(_texts("title", found), _texts("text", found))


def template(about: str, languages: Mapping[str, str], *, has_title: bool) -> str:
    """Return the file that is opened in an editor; `languages` are codes and names."""
    lines = [about, "", "Write below the headings, in Markdown. Lines that begin with “;” are left out."]
    lines += ["A language that you leave empty shows the text of another one, marked as not yet translated."]
    lines += ["Without a text nothing is done.", "", ", ".join(f"{code}: {name}" for code, name in languages.items())]
    comments = "".join(f"{_COMMENT} {line}".rstrip() + "\n" for line in lines)
    return comments + "".join(f"\n[{heading}]\n\n" for heading in headings(list(languages), has_title=has_title))


def written(texts: Texts) -> str:
    """Return texts as a file that `parse` reads."""
    parts = [("title", texts.title), ("text", texts.text)]
    found = [f"[{name} {code}]\n{text}\n" for name, one in parts for code, text in one.items()]
    return "\n".join(found)


def _checked(number: int, heading: str, known: Sequence[str], found: Mapping[str, object]) -> str:
    if heading not in known:
        possible = ", ".join(f"[{one}]" for one in known)
        message = f"there is no heading [{heading}] here, but {possible}. In a text, put a space before the bracket."
        raise TextFileError(number, message)
    if heading in found:
        raise TextFileError(number, f"[{heading}] is there twice.")
    return heading


def _texts(part: str, found: Mapping[str, Sequence[str]]) -> Text:
    return Text(
        {key.split(" ", 1)[1]: "\n".join(lines) for key, lines in found.items() if key.split(" ", 1)[0] == part}
    )
