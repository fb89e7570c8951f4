"""The base class of documents: which exist, their paths, and what each depends on.

There is one class per kind of document. A change names its subjects (`incident:ID`,
`component:ID`, `month:2023-10`, `page`); each kind returns which of its documents
they touch, so that an update rewrites a handful of files however long the history
is. A new kind is a class in this package and a line in `registry.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from django.utils import timezone

from ...models import Page
from ..reading.story import Stories

# A placeholder for the time of publishing. It is replaced when the document is stored,
# which happens only if something else in the document changed.
PUBLISHED_MARK = "\ufdd0published\ufdd0"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Subjects:
    """The subjects of one publishing run."""

    names: frozenset[str]

    def of(self, kind: str) -> list[str]:
        """Return the ids of subjects `kind:id` in a fixed order: `of("incident")` returns incident ids."""
        prefix = f"{kind}:"
        return sorted(name.removeprefix(prefix) for name in self.names if name.startswith(prefix))

    @cached_property
    def whole_page(self) -> bool:
        """Whether everything is stale: the page's name, brand or zone changed."""
        return "page" in self.names

    @property
    def change_links(self) -> bool:
        """Whether pages may begin to link to documents that do not exist yet."""
        return self.whole_page or "day" in self.names

    def __bool__(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True, eq=False)
class Edition:
    """What documents rendered together in one language share. Language and time zone are active while rendering.

    The editions of all languages share one cache, the same stories and one `now`.
    """

    page: Page
    language: str
    now: datetime = field(default_factory=timezone.now)
    cache: dict[Hashable, Any] = field(default_factory=dict)
    stories: Stories = field(default_factory=Stories)
    # For the id of an incident, the ids that are read from the database with it: those of one turn.
    read_together: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def cached(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `make(…)`, called once per language: three feeds have the same entries."""
        return self._cached(self.language, make, *args, **kwargs)

    def shared(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `make(…)`, called once for all languages: rows of the database are the same in each."""
        return self._cached("", make, *args, **kwargs)

    def _cached(self, language: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        key = (language, make, args, tuple(kwargs.items()))
        if key not in self.cache:
            self.cache[key] = make(*args, **kwargs)
        value: T = self.cache[key]
        return value


class Document(ABC):
    """A kind of document. `key` identifies a document of the kind: an incident's id, `2023-10`, or ""."""

    # Whether there is one document per language, or one in the default language only.
    per_language = True
    # Written first after an update, because readers wait for it. It links only to existing or high-priority documents.
    high_priority = False
    # The subject of each document if their number grows with the history; the scheduler writes them when all change.
    archived = ""

    @abstractmethod
    def all_keys(self) -> Iterable[str]:
        """Return the key of every document of this kind that should exist."""

    def by_month(self) -> Iterable[tuple[str, str]]:
        """Return (month, key) of every document of an archived kind; a month is `2023-10` in the page's zone."""
        return ()

    @abstractmethod
    def touched(self, subjects: Subjects) -> Iterable[str]:
        """Return the keys of the documents that depend on the subjects, including those to be deleted."""

    @abstractmethod
    def path(self, key: str, language: str) -> str:
        """Return the public path; it begins with a slash, and that of a page ends with one."""

    @abstractmethod
    def render(self, key: str, edition: Edition) -> str | bytes | None:
        """Return the content, or None if the document does not (or no longer) exist."""


class SingleDocument(Document):
    """A kind with a single document (per language) that every change touches, such as home or a feed."""

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if subjects else []
