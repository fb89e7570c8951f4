"""Renditions: one document in one language. Lists those to write, and renders them to bytes."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain, groupby, islice
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from ...models import Page
from ...wording import moment
from ..documents.base import PUBLISHED_MARK, Document, Edition, Subjects
from ..documents.registry import DOCUMENTS
from ..reading.story import Stories
from .public_store import PublicStore

_READ_TOGETHER = 100  # incidents that are read from the database at once
SHORT_TURN = 10  # documents: an update of staff can wait for them, and they take little memory

# The documents that readers wait for after an update, and those that follow.
FOR_READERS = [document for document in DOCUMENTS if document.high_priority]
FOLLOWING = [document for document in DOCUMENTS if not document.high_priority]


@dataclass(frozen=True)
class Rendition:
    """One document in one language: what is written to one path."""

    document: Document
    key: str
    language: str

    @cached_property
    def path(self) -> str:
        return self.document.path(self.key, self.language)


# Turns of renditions that one process writes one after the other.
Job = list[list[Rendition]]


def all_renditions() -> Iterator[Rendition]:
    for document in DOCUMENTS:
        for key in document.all_keys():
            yield from renditions_of(document, key)


def touched_renditions(subjects: Subjects, documents: Iterable[Document] = DOCUMENTS) -> Iterator[Rendition]:
    """Yield what depends on the subjects. If the whole page does, leave out its archive: see `archive_jobs`."""
    for document in documents:
        everything = document.all_keys() if subjects.whole_page and not document.archived else ()
        for key in dict.fromkeys([*everything, *document.touched(subjects)]):
            yield from renditions_of(document, key)


def jobs_by_kind(size: int) -> Iterator[list[Job]]:
    """Yield all renditions in the order of writing, in turns of at most `size`. The jobs of a list are independent.

    Turns outside the archive are short, so that they take little memory and keep all processes busy.
    """
    for is_archived, documents in groupby(DOCUMENTS, key=lambda document: bool(document.archived)):
        if is_archived:
            yield list(archive_jobs(size))
            continue
        for document in documents:
            every = [rendition for key in document.all_keys() for rendition in renditions_of(document, key)]
            yield [[turn] for turn in _turns(every, min(size, SHORT_TURN))]


def renditions_before_archive() -> list[Rendition]:
    """Return the documents whose number does not grow with the history, in the order of writing."""
    documents = [document for document in DOCUMENTS if not document.archived]
    return [one for document in documents for key in document.all_keys() for one in renditions_of(document, key)]


def archive_renditions() -> list[Rendition]:
    """Return the other documents, those of incidents and months, newest first."""
    return list(chain.from_iterable(_archive()))


def archive_jobs(size: int) -> Iterator[Job]:
    """Yield the documents whose number grows with the history, newest first, in turns of at most `size`.

    The page of a month is in the same job as those of its incidents: a process that has just converted
    their texts from Markdown still has them in its cache.
    """
    job: list[Rendition] = []
    for month in _archive():
        job += month
        if len(job) >= size:
            yield _turns(job, size)
            job = []
    if job:
        yield _turns(job, size)


def _archive() -> Iterator[list[Rendition]]:
    # Yield what belongs to each month, newest first: the documents of what started in it, then its page.
    by_month: dict[str, list[Rendition]] = defaultdict(list)
    for document in DOCUMENTS:
        for month, key in document.by_month():
            by_month[month] += renditions_of(document, key)
    yield from (by_month[month] for month in sorted(by_month, reverse=True))


def _turns(renditions: list[Rendition], size: int) -> Job:
    # Split evenly, so that the processes of `publish_all` end at the same time.
    number = -(-len(renditions) // size)
    length = -(-len(renditions) // max(number, 1))
    return [renditions[start : start + length] for start in range(0, len(renditions), length)] if number else []


def renditions_of(document: Document, key: str) -> Iterator[Rendition]:
    languages = [code for code, _name in settings.LANGUAGES] if document.per_language else [settings.LANGUAGE_CODE]
    return (Rendition(document, key, language) for language in languages)


class Renderer:
    """Renders documents for one publishing run. Results are cached, so each run needs a renderer of its own.

    Durations are computed as of `published`, to the second as file times are; so
    a stored document can be rendered again exactly as it was.
    """

    def __init__(self, published: datetime | None = None) -> None:
        self.page = Page.objects.current()
        self.store = PublicStore()
        self.published = (published or timezone.now()).replace(microsecond=0)
        cache: dict[Hashable, Any] = {}
        self._read_together: dict[str, tuple[str, ...]] = {}
        now = self.published.replace(microsecond=999_999)  # includes what happened within the second
        stories = Stories()
        self.editions = {
            code: Edition(self.page, code, now, cache, stories, self._read_together)
            for code, _name in settings.LANGUAGES
        }

    def expect(self, renditions: Iterable[Rendition]) -> None:
        """Name what is rendered next, so that its incidents are read from the database at once."""
        keys = iter(dict.fromkeys(one.key for one in renditions if one.document.archived == "incident"))
        while some := tuple(islice(keys, _READ_TOGETHER)):
            self._read_together |= dict.fromkeys(some, some)

    def render(self, rendition: Rendition) -> str | bytes | None:
        """Return the content, with PUBLISHED_MARK in place of the time of publishing; None if it does not exist."""
        with translation.override(rendition.language), timezone.override(self.page.time_zone):
            return rendition.document.render(rendition.key, self.editions[rendition.language])

    def to_bytes(self, rendition: Rendition, content: str | bytes, published: datetime) -> bytes:
        """Return the bytes to store for rendered content that is published at this time."""
        if isinstance(content, bytes):
            return content
        if PUBLISHED_MARK in content:
            with translation.override(rendition.language), timezone.override(self.page.time_zone):
                content = content.replace(PUBLISHED_MARK, moment(published))
        return content.encode()

    def is_stored(self, rendition: Rendition, content: str | bytes) -> bool:
        """Whether the store has this content, whenever it was published."""
        published = self.store.modified(rendition.path)
        if published is None:
            return False
        return self.to_bytes(rendition, content, published) == self.store.read(rendition.path)
