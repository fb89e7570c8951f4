"""Writes documents to the public store: what is stale after a commit, everything, or nothing but a comparison.

Publishers take turns (an advisory lock), and each renders what is committed when its
turn comes, so the newest committed content wins. The rows that say what is stale are
deleted in the transaction that the writing happens in: a publisher killed at any point
leaves them, and the clock publishes again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection
from django.utils import timezone

from ..models import StaleSubject
from . import fingerprint
from .copies import Copy, Press, all_copies, copies_of, touched_copies
from .documents import Document, Subjects
from .registry import DOCUMENTS
from .store import PublicStore, Staged

logger = logging.getLogger(__name__)

_LOCK = 7_023_109_451  # any number that nobody else locks
_BATCH = 50  # documents written in one turn of `publish_all`, so that staff who publish meanwhile wait for few

Progress = Callable[[int], Callable[[int], object]]


@dataclass
class Report:
    """What a publishing run did, by path."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Report") -> None:
        self.written += other.written
        self.unchanged += other.unchanged
        self.deleted += other.deleted
        self.failed |= other.failed

    def __str__(self) -> str:
        return (
            f"{len(self.written)} written, {len(self.unchanged)} unchanged, "
            f"{len(self.deleted)} deleted, {len(self.failed)} failed"
        )


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


def mend() -> Report:
    """Publishes what a crash or a full disk left undone, and clears away what it left half-written."""
    if StaleSubject.objects.exists():
        with transaction.atomic():
            _take_turn()
            PublicStore().clear_leftovers()
    return publish_stale()


def publish_all(*, processes: int = 1, progress: Progress = lambda _total: lambda _done: None) -> Report:
    """Writes every document there should be and deletes every other.

    In turns of some documents each, which staff who publish meanwhile go between;
    `processes` share the turns of one kind of document, kind after kind.
    `progress(total)` gives a function that is told how many more are done.
    """
    report, store = Report(), PublicStore()
    store.root.mkdir(parents=True, exist_ok=True)
    store.clear_leftovers()
    kinds = [list(_turns(document)) for document in DOCUMENTS]
    done = progress(sum(len(copies) for turns in kinds for copies in turns))
    with _workers(processes) as work:
        for turns in kinds:
            for copies, result in zip(turns, work(_publish_turn, turns), strict=True):
                report.add(result)
                done(len(copies))
    _delete_unknown(store, report)
    if not report.failed:
        fingerprint.leave(store)
    return report


def differences() -> Iterator[str]:
    """What the store lacks, has otherwise or has too much, one line each; nothing where all agree."""
    press, expected = Press(), set()
    for copy in all_copies():
        expected.add(copy.path)
        content, stored = press.compose(copy), press.store.modified(copy.path)
        if content is None:
            if stored is not None:
                yield f"gone from the database: {copy.path}"
        elif stored is None:
            yield f"missing: {copy.path}"
        elif not press.is_stored(copy, content):
            yield f"differs: {copy.path}"
    yield from (f"unknown: {path}" for path in press.store.paths() if path not in expected and not _is_kept(path))


def _turns(document: Document) -> Iterator[list[Copy]]:
    keys = iter(document.all_keys())
    while some := list(islice(keys, _BATCH)):
        yield [copy for key in some for copy in copies_of(document, key)]


def _publish_turn(copies: list[Copy]) -> Report:
    report = Report()
    with transaction.atomic():
        _take_turn(shared=True)
        _write(copies, report)
    return report


@contextmanager
def _workers(processes: int) -> Iterator[Callable[..., Iterator[Report]]]:
    """`map`, spread over as many processes; each opens a database connection of its own."""
    if processes == 1:
        yield map
        return
    connections.close_all()  # a connection must not be shared with the children
    if isinstance(connection, PostgresConnection):
        connection.close_pool()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        yield pool.map


def _delete_unknown(store: PublicStore, report: Report) -> None:
    """What no document accounts for: a component renamed, an incident deleted while nobody published."""
    expected = {copy.path for copy in all_copies()}
    for path in [path for path in store.paths() if path not in expected and not _is_kept(path)]:
        store.delete(path)
        report.deleted.append(path)


def _is_kept(path: str) -> bool:
    """Styles and scripts of earlier versions stay: pages in readers' caches still ask for them."""
    return path.startswith("/assets/")


def _take_turn(*, shared: bool = False) -> None:
    """Waits for the publisher before us; the lock ends with the transaction, also when the process dies.

    Those who write everything share a turn: none of them has news that another could overwrite.
    """
    lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s)", [_LOCK])


def _write(copies: Iterable[Copy], report: Report) -> None:
    """Writes what is there, then deletes what is gone, so that no link leads nowhere in between.

    All are rendered before the first is put in its place, in the order of the
    registry. A document that cannot be rendered or staged is reported and stops no other.
    """
    press, gone = Press(), []
    staged: list[Staged] = []
    for copy in copies:
        try:
            with transaction.atomic():
                content = press.compose(copy)
            if content is None:
                gone.append(copy.path)
            else:
                staged += _stage(press, copy, content, report)
        except Exception as error:
            logger.exception("Not published: %s", copy.path)
            report.failed[copy.path] = f"{type(error).__name__}: {error}"
    _put_in_place(press.store, staged, report)
    for path in gone:
        if press.store.modified(path) is not None:
            press.store.delete(path)
            report.deleted.append(path)


def _stage(press: Press, copy: Copy, content: str | bytes, report: Report) -> list[Staged]:
    """Unchanged bytes are not rewritten, whatever the time of publishing."""
    if press.is_stored(copy, content):
        report.unchanged.append(copy.path)
        return []
    now = timezone.now().replace(microsecond=0)  # the store keeps seconds
    staged = press.store.stage(copy.path, press.finish(copy, content, now), now)
    report.written.append(copy.path)
    return staged


def _put_in_place(store: PublicStore, staged: list[Staged], report: Report) -> None:
    try:
        store.put_in_place(staged)
    except OSError as error:
        logger.exception("Not published: %s", ", ".join(report.written))
        report.failed |= dict.fromkeys(report.written, f"{type(error).__name__}: {error}")
        report.written.clear()
