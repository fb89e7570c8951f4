"""The sections of a postmortem as one Markdown text under headings, and back again. Pure."""

import re
from collections.abc import Mapping

SECTIONS = ("happened", "timeline", "cause", "change")
FIRST = SECTIONS[0]
# Stored in texts, which are read back: no translations, whose change would orphan earlier postmortems.
HEADINGS = {
    "da": ("Hvad der skete", "Tidslinje", "Årsag", "Hvad vi ændrer"),
    "en": ("What happened", "Timeline", "Cause", "What we change"),
}
_NAMES = {heading: name for headings in HEADINGS.values() for heading, name in zip(headings, SECTIONS, strict=True)}
_HEADING = re.compile(rf"^##[ \t]+({'|'.join(map(re.escape, _NAMES))})[ \t]*$", re.MULTILINE)


def join(sections: Mapping[str, str], language: str) -> str:
    """Return the sections as one text; empty ones are left out."""
    headings = dict(zip(SECTIONS, HEADINGS.get(language, HEADINGS["en"]), strict=True))
    bodies = {name: sections.get(name, "").strip() for name in SECTIONS}
    return "\n\n".join(f"## {headings[name]}\n\n{body}" for name, body in bodies.items() if body)


def split(text: str) -> dict[str, str]:
    """Return the body of each section, by our headings in any language.

    A text that does not begin with such a heading is the first section as a whole. The
    bodies of a heading that occurs more than once follow each other.
    """
    if not is_sectioned(text):
        return {**dict.fromkeys(SECTIONS, ""), FIRST: text.strip()}
    _before, *parts = _HEADING.split(text)
    bodies: dict[str, list[str]] = {name: [] for name in SECTIONS}
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        bodies[_NAMES[heading]].append(body.strip())
    return {name: "\n\n".join(filter(None, found)) for name, found in bodies.items()}


def is_sectioned(text: str) -> bool:
    """Whether a text begins with one of our headings."""
    return _HEADING.match(text.strip()) is not None
