"""Find the components that a table of subscribers names: by slug, id, name in any language, or a mapping by staff."""

import re
import unicodedata
from collections import defaultdict

from ..models import Component

_SEPARATOR = re.compile("[,;]")


class InvalidMapping(Exception):
    """A mapping to a component that does not exist, or is not the only one of its name."""


class ComponentNames:
    """The components of the page, under every text that a table may contain for them.

    Slugs and ids are compared exactly, names and mapped texts without regard to case.
    """

    def __init__(self) -> None:
        components = list(Component.objects.all())
        named: dict[str, set[Component]] = defaultdict(set)
        for component in components:
            for name in component.name.values():
                named[_folded(name)].add(component)
        self._keys = {key: one for one in components for key in (one.slug, one.pk)}
        self._names = {name: next(iter(found)) for name, found in named.items() if len(found) == 1}
        self._ambiguous = named.keys() - self._names.keys()
        self._mapped: dict[str, Component] = {}
        self._longest = max((len(name.split()) for name in self._names), default=1)

    def add_mapping(self, pair: str) -> None:
        """Add `OLD=NEW`: OLD is a text of the table, NEW a slug, an id or a name. Raises InvalidMapping."""
        old, equals, new = (part.strip() for part in pair.rpartition("="))
        if not (old and equals and new):
            raise InvalidMapping("expected OLD=NEW")
        component = self._keys.get(new) or self._names.get(_folded(new))
        if component is None and _folded(new) in self._ambiguous:
            raise InvalidMapping(f"several components are called “{new}”; use the slug")
        if component is None:
            raise InvalidMapping(f"no component has the slug, id or name “{new}”")
        if self._mapped.setdefault(_folded(old), component) != component:
            raise InvalidMapping(f"“{old}” is mapped to two components")
        self._longest = max(self._longest, len(old.split()))

    def parse(self, cell: str) -> tuple[list[Component], list[str]]:
        """Return the components that a cell names, and the texts that name none; each once.

        Names are separated by commas or semicolons. In a cell without either, they are
        separated by spaces, and the longest possible name counts.
        """
        if not cell:
            return [], []
        if whole := self._find(cell):
            return [whole], []
        parts = [part for part in map(str.strip, _SEPARATOR.split(cell)) if part]
        known: dict[Component, None] = {}
        unknown: dict[str, None] = {}
        for part in parts:
            found, missing = self._words(part)
            if missing and len(parts) > 1:  # one name of several words
                found, missing = [], [part]
            known.update(dict.fromkeys(found))
            unknown.update(dict.fromkeys(missing))
        return list(known), list(unknown)

    def _words(self, part: str) -> tuple[list[Component], list[str]]:
        found, missing, words = [], [], part.split()
        while words:
            lengths = range(min(self._longest, len(words)), 0, -1)
            matches = ((self._find(" ".join(words[:length])), length) for length in lengths)
            component, length = next((match for match in matches if match[0]), (None, 1))
            if component is None:
                missing.append(words[0])
            else:
                found.append(component)
            words = words[length:]
        return found, missing

    def _find(self, text: str) -> Component | None:
        folded = _folded(text)
        return self._mapped.get(folded) or self._keys.get(text) or self._names.get(folded)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
