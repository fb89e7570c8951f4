"""One document in one language: which there are, and the bytes of each."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from ...models import Page
from ...wording import moment
from ..documents.base import PUBLISHED_MARK, Document, Edition, Subjects
from ..documents.registry import DOCUMENTS
from .public_store import PublicStore


@dataclass(frozen=True)
class Rendition:
    """One document in one language: what is written to one path."""

    document: Document
    key: str
    language: str

    @cached_property
    def path(self) -> str:
        return self.document.path(self.key, self.language)


def all_renditions() -> Iterator[Rendition]:
    for document in DOCUMENTS:
        for key in document.all_keys():
            yield from renditions_of(document, key)


def touched_renditions(subjects: Subjects, documents: Iterable[Document] = DOCUMENTS) -> Iterator[Rendition]:
    """What depends on the subjects. When the whole page does, its archive is left out: see `archive_turns`."""
    for document in documents:
        everything = document.all_keys() if subjects.whole_page and not document.archived else ()
        for key in dict.fromkeys([*everything, *document.touched(subjects)]):
            yield from renditions_of(document, key)


def waves(subjects: Subjects) -> Iterator[Iterator[Rendition]]:
    """The touched copies in the order of writing: after an update, what readers wait for goes first.

    It is written before anybody asks what else is touched.
    """
    if subjects.whole_page or "day" in subjects.names:  # then pages may begin to link to new ones
        yield touched_renditions(subjects)
        return
    for leads in (True, False):
        yield touched_renditions(subjects, [document for document in DOCUMENTS if document.leads == leads])


def archive_keys() -> list[tuple[Document, str]]:
    """The documents of which there are as many as the history is long."""
    return [(document, key) for document in DOCUMENTS if document.archived for key in document.all_keys()]


def archive_batches(size: int) -> Iterator[list[Rendition]]:
    for document in DOCUMENTS:
        if document.archived:
            yield from turns(document, size)


def turns(document: Document, size: int) -> Iterator[list[Rendition]]:
    """Every copy of a kind, those of `size` keys at a time."""
    keys = iter(document.all_keys())
    while some := list(islice(keys, size)):
        yield [copy for key in some for copy in renditions_of(document, key)]


def renditions_of(document: Document, key: str) -> Iterator[Rendition]:
    languages = [code for code, _name in settings.LANGUAGES] if document.per_language else [settings.LANGUAGE_CODE]
    return (Rendition(document, key, language) for language in languages)


class Renderer:
    """Turns copies into bytes. Made for one go: what it has read once it does not read again.

    Documents say how long something has lasted as of `published`, to the second as the
    store keeps it; so what was written can be composed again as it was.
    """

    def __init__(self, published: datetime | None = None) -> None:
        self.page = Page.objects.current()
        self.store = PublicStore()
        self.published = (published or timezone.now()).replace(microsecond=0)
        memory: dict[Hashable, Any] = {}
        now = self.published.replace(microsecond=999_999)  # what happened within the second has happened
        self.editions = {
            code: Edition(page=self.page, language=code, now=now, memory=memory) for code, _name in settings.LANGUAGES
        }

    def compose(self, copy: Rendition) -> str | bytes | None:
        """The document as rendered now, with PUBLISHED_MARK where the time belongs; None if there is none."""
        with translation.override(copy.language), timezone.override(self.page.time_zone):
            return copy.document.render(copy.key, self.editions[copy.language])

    def finish(self, copy: Rendition, content: str | bytes, published: datetime) -> bytes:
        """The bytes as they are stored when published at that moment."""
        if isinstance(content, bytes):
            return content
        if PUBLISHED_MARK in content:
            with translation.override(copy.language), timezone.override(self.page.time_zone):
                content = content.replace(PUBLISHED_MARK, moment(published))
        return content.encode()

    def is_stored(self, copy: Rendition, content: str | bytes) -> bool:
        """Whether the store has just this, whenever it was published."""
        published = self.store.modified(copy.path)
        return published is not None and self.finish(copy, content, published) == self.store.read(copy.path)
