"""Which documents exist, where they stand, and what each depends on.

One class per kind of document. A change names its subjects (`incident:ID`,
`component:ID`, `month:2023-10`, `page`); each kind says which of its documents
those touch, so that an update rewrites a handful of files however long the
history is. A new kind is one class here-abouts and one line in `registry.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from django.utils import timezone

from ...models import Page

# Stands in a document's text where the time of publishing belongs; the store fills it in
# when, and only when, something else in the document changed.
PUBLISHED_MARK = "\ufdd0published\ufdd0"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Subjects:
    """The subjects of one publishing run, by what they name."""

    names: frozenset[str]

    def of(self, kind: str) -> list[str]:
        """The ids behind `kind:` in a fixed order: `of("incident")` gives incident ids."""
        prefix = f"{kind}:"
        return sorted(name.removeprefix(prefix) for name in self.names if name.startswith(prefix))

    @cached_property
    def whole_page(self) -> bool:
        """Whether everything is stale: the page's name, brand or zone changed."""
        return "page" in self.names

    def __bool__(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True, eq=False)
class Edition:
    """What documents rendered in one go share. Language and time zone are active while rendering.

    The editions of several languages have one memory. `now` is the moment that they are true of.
    """

    page: Page
    language: str
    now: datetime = field(default_factory=timezone.now)
    memory: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`make(…)`, made for the first document of this language that asks: three feeds have the same entries."""
        return self._remembered(self.language, make, *args, **kwargs)

    def read_once(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`make(…)`, made for the first that asks in any language: what the database says is the same in each."""
        return self._remembered("", make, *args, **kwargs)

    def _remembered(self, language: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        key = (language, make, args, tuple(kwargs.items()))
        if key not in self.memory:
            self.memory[key] = make(*args, **kwargs)
        found: T = self.memory[key]
        return found


class Document(ABC):
    """A kind of document. `key` tells the documents of one kind apart: an incident's id, `2023-10`, or ""."""

    # Documents of this kind are made once per language; otherwise once, in the default language.
    per_language = True
    # Written before all others after an update: readers wait for it. What it links to is there already, or leads too.
    leads = False
    # The subject of each, where there are as many as the history is long; the clock writes them when all change.
    archived = ""

    @abstractmethod
    def all_keys(self) -> Iterable[str]:
        """The key of every document of this kind that there should be."""

    @abstractmethod
    def touched(self, subjects: Subjects) -> Iterable[str]:
        """The keys of the documents that depend on the subjects, also of those that are gone now."""

    @abstractmethod
    def path(self, key: str, language: str) -> str:
        """The public address, beginning with a slash; one ending in a slash is a page."""

    @abstractmethod
    def render(self, key: str, edition: Edition) -> str | bytes | None:
        """The document's content; None where there is, or is no longer, such a document."""


class SingleDocument(Document):
    """A kind of which there is one (per language), touched by every change: home, a feed, the sitemap."""

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if subjects else []
