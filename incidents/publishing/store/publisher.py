"""Writes documents to the public store: what is stale after a commit, everything, or nothing but a comparison.

Publishers take turns (an advisory lock), and each renders what is committed when its
turn comes, so the newest committed content wins. The rows that say what is stale are
deleted in the transaction that the writing happens in: a publisher killed at any point
leaves them, and the clock publishes again.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection
from django.db.models import QuerySet

from ...models import PURGE, StaleSubject
from .. import failures
from ..documents.base import Subjects
from ..documents.registry import DOCUMENTS
from . import fingerprint, mirror
from .public_store import PublicStore
from .purge import purge
from .renditions import (
    Renderer,
    Rendition,
    all_renditions,
    archive_batches,
    archive_keys,
    touched_renditions,
    turns,
    waves,
)
from .run import Report, Run

ARCHIVE = "archive"  # the subject that stands for what `publish_stale` left of a whole page
_LOCK = 7_023_109_451  # any number that nobody else locks
_BATCH = 50  # documents written in one turn of `publish_all`, so that staff who publish meanwhile wait for few

Progress = Callable[[int], Callable[[int], object]]


def no_progress(_total: int) -> Callable[[int], object]:
    return lambda _done: None


def publish_stale() -> Report:
    """Writes every document that depends on something stale.

    Where that is the whole page and its archive is long, the archive is left to the clock.
    """
    if not _subjects().exists():
        return Report()
    with transaction.atomic():
        _take_turn()
        rows = list(_subjects())
        before = failures.read(row.error for row in rows)
        subjects, run = Subjects(frozenset(row.subject for row in rows)), Run()
        for wave in waves(subjects):
            run.write(wave)
        report = run.finish()
        if subjects.whole_page and not report.failed:
            StaleSubject.objects.create(subject=ARCHIVE)
        _settle(rows, report)
        failures.log_changes(before, report.failed, report.traces)
    purge([*report.written, *report.deleted])
    if subjects.whole_page and len(archive_keys()) <= _BATCH:
        report.add(publish_archive())
    return report


def publish_archive() -> Report:
    """Writes the pages of all that was, where the whole page changed, in turns that other publishers go between.

    Where a whole turn fails, the rest would too: it is tried again from the beginning.
    """
    report, unwritten = Report(), list[StaleSubject]()
    rows = list(StaleSubject.objects.filter(subject=ARCHIVE))
    before = failures.read(row.error for row in rows)
    for copies in archive_batches(_BATCH) if rows else ():
        turn = _publish_batch(copies, shared=False)
        report.add(turn)
        failed = [copy for copy in copies if copy.path in turn.failed]
        if len(failed) == len(copies):
            _note(rows, turn.failed)
            failures.log_changes(before, turn.failed, turn.traces)
            return report
        unwritten += [_left(copy, turn.failed[copy.path]) for copy in failed]
    with transaction.atomic():
        StaleSubject.objects.bulk_create(unwritten)
        _delete(rows)
    failures.log_changes(before, report.failed, report.traces)
    purge([*report.written, *report.deleted])
    return report


def _left(copy: Rendition, reason: str) -> StaleSubject:
    """One document of the archive that is tried again by itself."""
    return StaleSubject(subject=f"{copy.document.archived}:{copy.key}", error=failures.text_of({copy.path: reason}))


def repair() -> Report:
    """Publish what a crash or a full disk left unpublished, and remove half-written files."""
    if StaleSubject.objects.unpublished().exists():
        _clear_leftovers(PublicStore())
    report = publish_stale()
    report.add(publish_archive())
    return report


def publish_all(*, processes: int = 1, progress: Progress = no_progress) -> Report:
    """Writes every document there should be and deletes every other.

    In turns of some documents each, which staff who publish meanwhile go between;
    `processes` share the turns of one kind of document, kind after kind.
    `progress(total)` gives a function that is told how many more are done.
    """
    report, store = Report(), PublicStore()
    store.root.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(store)
    kinds = [list(turns(document, _BATCH)) for document in DOCUMENTS]
    done = progress(sum(len(copies) for kind in kinds for copies in kind))
    with _workers(processes) as work:
        for kind in kinds:
            for copies, result in zip(kind, work(_publish_batch, kind), strict=True):
                report.add(result)
                done(len(copies))
    with transaction.atomic():
        _take_turn()  # what somebody else publishes meanwhile is not unknown
        _delete_unknown(store, report)
    failures.log_changes({}, report.failed, report.traces)
    if not report.failed:
        fingerprint.leave(store)
    purge([*report.written, *report.deleted])
    return report


def differences(progress: Progress = no_progress) -> Iterator[str]:
    """What the store lacks, has otherwise or has too much, one line each; nothing where all agree."""
    expected, kinds = set(), [list(turns(document, _BATCH)) for document in DOCUMENTS]
    done = progress(sum(len(copies) for kind in kinds for copies in kind))
    for copies in (copies for kind in kinds for copies in kind):
        press = Renderer()  # one for each turn, because a press forgets nothing
        expected |= {copy.path for copy in copies}
        yield from (said for copy in copies if (said := _difference(press, copy)))
        done(len(copies))
    yield from (f"unknown: {path}" for path in PublicStore().paths() if path not in expected and not _is_kept(path))


def _difference(press: Renderer, copy: Rendition) -> str:
    """What is wrong with the stored copy; "" where it is as it should be."""
    content, stored = press.compose(copy), press.store.modified(copy.path)
    if content is None:
        return f"gone from the database: {copy.path}" if stored is not None else ""
    if stored is None:
        return f"missing: {copy.path}"
    return "" if press.is_stored(copy, content) or _is_as_it_was(copy, stored) else f"differs: {copy.path}"


def _is_as_it_was(copy: Rendition, published: datetime) -> bool:
    """Whether only time has passed: an outage lasts longer than it did when the document was written."""
    press = Renderer(published)
    content = press.compose(copy)
    return content is not None and press.is_stored(copy, content)


def _publish_batch(copies: list[Rendition], *, shared: bool = True) -> Report:
    with transaction.atomic():
        _take_turn(shared=shared)
        run = Run()
        run.write(copies)
        return run.finish()


def _subjects() -> QuerySet[StaleSubject]:
    """What `publish_stale` sees to: all but notes of its own."""
    return StaleSubject.objects.exclude(subject__in=[ARCHIVE, PURGE])


def _settle(rows: Sequence[StaleSubject], report: Report) -> None:
    """What was published is stale no more; what failed says why, each subject for the documents that depend on it."""
    if not report.failed:
        _delete(rows)
        return
    failed: dict[str, dict[str, str]] = {row.subject: {} for row in rows}
    for subject in failed:
        paths = [copy.path for copy in touched_renditions(Subjects(frozenset({subject})))]
        failed[subject] = {path: report.failed[path] for path in paths if path in report.failed}
    explained = {path for one in failed.values() for path in one}
    for subject, one in failed.items():
        same = [row for row in rows if row.subject == subject]
        if one or explained != set(report.failed):  # what depends on nothing that is known here holds up everything
            _note(same, one or report.failed)
        else:
            _delete(same)


def _note(rows: Sequence[StaleSubject], failed: Mapping[str, str]) -> None:
    """The reasons why these subjects are not published; none where they are."""
    for row in rows:
        row.error = failures.text_of(failed)
    StaleSubject.objects.bulk_update(rows, ["error"])


def _delete(rows: Iterable[StaleSubject]) -> None:
    StaleSubject.objects.filter(pk__in=[row.pk for row in rows]).delete()


@contextmanager
def _workers(processes: int) -> Iterator[Callable[..., Iterator[Report]]]:
    """`map`, spread over as many processes; each opens a database connection of its own."""
    if processes == 1:
        yield map
        return
    connections.close_all()  # a connection must not be shared with the children, nor one that waits in the pool
    for database in connections.all():
        if isinstance(database, PostgresConnection):
            database.close_pool()
    with ProcessPoolExecutor(processes, get_context("fork"), initializer=_end_with_parent) as pool:
        yield pool.map


def _end_with_parent() -> None:
    """Ends this process of the pool when the one that made it is gone: it would wait for work for ever."""
    if parent := parent_process():
        Thread(target=_await_end, args=[parent.sentinel], daemon=True).start()


def _await_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # the database rolls back what this process has begun


def _clear_leftovers(store: PublicStore) -> None:
    """In a turn of our own: what another publisher has half-written is no leftover."""
    with transaction.atomic():
        _take_turn()
        store.clear_leftovers()


def _delete_unknown(store: PublicStore, report: Report) -> None:
    """What no document accounts for: a component renamed, an incident deleted while nobody published."""
    expected = {copy.path for copy in all_renditions()}
    for path in [path for path in store.paths() if path not in expected and not _is_kept(path)]:
        store.delete(path)
        report.deleted.append(path)
    report.fail_mirror(mirror.send(store, [], report.deleted))


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
