"""Writes documents to the public store: what is stale after a commit, everything, or nothing but a comparison.

Publishers take turns (an advisory lock), and each renders what is committed when its
turn comes, so the newest committed content wins. The rows that say what is stale are
deleted in the transaction that the writing happens in: a publisher killed at any point
leaves them, and the clock publishes again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation

from ..models import Page, StaleSubject
from ..templatetags.wording import moment
from .documents import PUBLISHED_MARK, Document, Edition, Subjects
from .registry import DOCUMENTS
from .store import PublicStore

logger = logging.getLogger(__name__)

_LOCK = 7_023_109_451  # any number that nobody else locks
_BATCH = 50  # documents written in one turn of `publish_all`, so that staff who publish meanwhile wait for few


@dataclass(frozen=True)
class Copy:
    """One document in one language: what is written to one path."""

    document: Document
    key: str
    language: str

    @property
    def path(self) -> str:
        return self.document.path(self.key, self.language)


@dataclass
class Report:
    """What a publishing run did, by path."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{len(self.written)} written, {len(self.unchanged)} unchanged, "
            f"{len(self.deleted)} deleted, {len(self.failed)} failed"
        )


def publish_after_commit() -> None:
    """Publishes what is stale; a failure is recorded for staff and mended by the clock, and stops nobody."""
    report = publish_stale()
    if report.failed:
        logger.error("Not published: %s", "; ".join(f"{path}: {why}" for path, why in report.failed.items()))


def publish_stale() -> Report:
    """Writes every document that depends on something stale."""
    report = Report()
    if not StaleSubject.objects.exists():
        return report
    with transaction.atomic():
        _take_turn()
        rows = dict(StaleSubject.objects.values_list("id", "subject"))
        _write(touched_copies(Subjects(frozenset(rows.values()))), report)
        stale = StaleSubject.objects.filter(id__in=list(rows))
        if report.failed:
            stale.update(error="\n".join(f"{path}: {why}" for path, why in report.failed.items()))
        else:
            stale.delete()
    return report


def publish_all(progress: Callable[[Iterable[Copy], int], Iterable[Copy]] = lambda copies, _total: copies) -> Report:
    """Writes every document there should be and deletes every other; in turns of some documents each."""
    report, store = Report(), PublicStore()
    store.root.mkdir(parents=True, exist_ok=True)
    store.clear_leftovers()
    copies = list(all_copies())
    turns = iter(progress(copies, len(copies)))
    while batch := list(islice(turns, _BATCH)):
        with transaction.atomic():
            _take_turn()
            _write(batch, report)
    expected = {copy.path for copy in all_copies()}
    for path in [path for path in store.paths() if path not in expected and not path.startswith("/assets/")]:
        store.delete(path)
        report.deleted.append(path)
    return report


def differences() -> Iterator[str]:
    """What the store lacks, has otherwise or has too much, one line each; nothing where all agree."""
    store, expected = PublicStore(), set()
    for copy in all_copies():
        expected.add(copy.path)
        content, stored = compose(copy), store.modified(copy.path)
        if content is None:
            if stored is not None:
                yield f"gone from the database: {copy.path}"
        elif stored is None:
            yield f"missing: {copy.path}"
        elif not _is_stored(store, copy, content):
            yield f"differs: {copy.path}"
    yield from (f"unknown: {path}" for path in store.paths() if path not in expected and not path.startswith("/assets/"))


def all_copies() -> Iterator[Copy]:
    for document in DOCUMENTS:
        for key in document.all_keys():
            yield from _copies(document, key)


def touched_copies(subjects: Subjects) -> Iterator[Copy]:
    for document in DOCUMENTS:
        for key in document.all_keys() if subjects.whole_page else document.touched(subjects):
            yield from _copies(document, key)


def compose(copy: Copy) -> str | bytes | None:
    """The document as rendered now, PUBLISHED_MARK where the time of publishing belongs; None if there is none."""
    page = Page.objects.current()
    with translation.override(copy.language), timezone.override(page.time_zone):
        return copy.document.render(copy.key, Edition(page, copy.language))


def finish(copy: Copy, content: str | bytes, published: datetime) -> bytes:
    """The bytes as they are stored when published at that moment."""
    if isinstance(content, bytes):
        return content
    if PUBLISHED_MARK in content:
        with translation.override(copy.language), timezone.override(Page.objects.current().time_zone):
            content = content.replace(PUBLISHED_MARK, moment(published))
    return content.encode()


def _copies(document: Document, key: str) -> Iterator[Copy]:
    languages = [code for code, _name in settings.LANGUAGES] if document.per_language else [settings.LANGUAGE_CODE]
    return (Copy(document, key, language) for language in languages)


def _take_turn() -> None:
    """Waits for the publisher before us; the lock ends with the transaction, also when the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _write(copies: Iterable[Copy], report: Report) -> None:
    """Writes what is there, then deletes what is gone, so that no link leads nowhere in between.

    A document that cannot be rendered or written is reported and stops no other.
    """
    store, gone = PublicStore(), []
    for copy in copies:
        try:
            with transaction.atomic():
                if not _write_one(store, copy, report):
                    gone.append(copy.path)
        except Exception as error:
            logger.exception("Could not publish %s", copy.path)
            report.failed[copy.path] = f"{type(error).__name__}: {error}"
    for path in gone:
        if store.modified(path) is not None:
            store.delete(path)
            report.deleted.append(path)


def _write_one(store: PublicStore, copy: Copy, report: Report) -> bool:
    """Whether there is such a document; unchanged bytes are not rewritten, whatever the time of publishing."""
    content = compose(copy)
    if content is None:
        return False
    if _is_stored(store, copy, content):
        report.unchanged.append(copy.path)
    else:
        now = timezone.now().replace(microsecond=0)  # the store keeps seconds
        store.write(copy.path, finish(copy, content, now), now)
        report.written.append(copy.path)
    return True


def _is_stored(store: PublicStore, copy: Copy, content: str | bytes) -> bool:
    published = store.modified(copy.path)
    return published is not None and finish(copy, content, published) == store.read(copy.path)
