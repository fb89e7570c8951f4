"""Publishes documents: those that are stale after a commit, or all of them; or compares them with the store.

An advisory lock makes publishers wait for each other. Each renders what is committed once
it has the lock, so the newest committed content wins. The rows that name what is stale are
deleted in the transaction that writes the files: if a publisher is killed at any point,
the rows remain and the scheduler publishes again.
"""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection
from django.db.models import QuerySet

from ...models import ARCHIVE, PURGE, StaleSubject
from .. import failures
from ..documents.base import Subjects
from . import fingerprint, measures, mirror
from .public_store import PublicStore
from .purge import purge
from .renditions import (
    Job,
    Renderer,
    Rendition,
    all_renditions,
    archive_jobs,
    jobs_by_kind,
    touched_by_priority,
    touched_renditions,
)
from .run import Report, Run

_LOCK = 7_023_109_451  # an arbitrary number that nothing else locks
_TURN = 100  # documents per transaction of `publish_all`; updates of staff are published between two turns

Progress = Callable[[int], Callable[[int], object]]


def no_progress(_total: int) -> Callable[[int], object]:
    return lambda _done: None


def publish_stale() -> Report:
    """Publish every document that depends on something stale.

    If that is the whole page and its archive is long, the archive is left to the scheduler.
    """
    if not _subjects().exists():
        return Report()
    with transaction.atomic():
        _acquire_lock()
        rows = list(_subjects())
        before = failures.parse_reasons(row.error for row in rows)
        subjects, run = Subjects(frozenset(row.subject for row in rows)), Run()
        for renditions in touched_by_priority(subjects):
            run.write(renditions)
        report = run.finish()
        if subjects.whole_page and not report.failed:
            StaleSubject.objects.create(subject=ARCHIVE)
        _update_subjects(rows, report)
        if rows:
            measures.record(rows, report)
        failures.log_changes(before, report.failed, report.traces)
    purge([*report.written, *report.deleted])
    if subjects.whole_page and sum(map(len, _archive_turns())) <= _TURN:
        report.add(publish_archive())
    return report


def publish_archive() -> Report:
    """Publish the archive after a change of the whole page, in turns that other publishers can run between.

    If a whole turn fails, the rest would fail too: the archive is tried again from the beginning.
    """
    report, unwritten = Report(), list[StaleSubject]()
    rows = list(StaleSubject.objects.filter(subject=ARCHIVE))
    before = failures.parse_reasons(row.error for row in rows)
    for turn in _archive_turns() if rows else ():
        result = _publish_turn(turn, shared=False)
        report.add(result)
        failed = [rendition for rendition in turn if rendition.path in result.failed]
        if len(failed) == len(turn):
            _record_reasons(rows, result.failed)
            failures.log_changes(before, result.failed, result.traces)
            return report
        unwritten += [_retry_subject(rendition, result.failed[rendition.path]) for rendition in failed]
    with transaction.atomic():
        StaleSubject.objects.bulk_create(unwritten)
        _delete(rows)
    failures.log_changes(before, report.failed, report.traces)
    purge([*report.written, *report.deleted])
    return report


def _archive_turns() -> Iterator[list[Rendition]]:
    return chain.from_iterable(archive_jobs(_TURN))


def _retry_subject(rendition: Rendition, reason: str) -> StaleSubject:
    # Return a subject of its own for one document of the archive that failed.
    subject = f"{rendition.document.archived}:{rendition.key}"
    return StaleSubject(subject=subject, error=failures.format_reasons({rendition.path: reason}))


def repair() -> Report:
    """Publish what a crash or a full disk left unpublished, and remove half-written files."""
    if StaleSubject.objects.unpublished().exists():
        _clear_leftovers(PublicStore())
    report = publish_stale()
    report.add(publish_archive())
    return report


def publish_all(*, processes: int = 1, progress: Progress = no_progress) -> Report:
    """Publish every document that should exist and delete all others.

    Documents are written in turns, so that updates of staff are published in between.
    `processes` share the jobs of one kind of document, kind after kind.
    `progress(total)` returns a function that is called with the number of documents just finished.
    """
    report, store = Report(), PublicStore()
    store.root.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(store)
    kinds = list(jobs_by_kind(_TURN))
    done = progress(sum(len(turn) for kind in kinds for job in kind for turn in job))
    with _workers(processes) as map_jobs:
        for kind in kinds:
            for job, result in zip(kind, map_jobs(_publish_job, kind), strict=True):
                report.add(result)
                done(sum(map(len, job)))
    with transaction.atomic():
        _acquire_lock()  # a document that another publisher has just added must not count as unknown
        _delete_unknown(store, report)
    failures.log_changes({}, report.failed, report.traces)
    if not report.failed:
        fingerprint.record(store)
    purge([*report.written, *report.deleted])
    return report


def differences(progress: Progress = no_progress) -> Iterator[str]:
    """Yield a line for each document that the store lacks, has with other content, or has in excess."""
    expected, turns = set(), [turn for kind in jobs_by_kind(_TURN) for job in kind for turn in job]
    done = progress(sum(map(len, turns)))
    for turn in turns:
        renderer = Renderer()  # one per turn, because a renderer keeps all it has read in memory
        renderer.expect(turn)
        expected |= {rendition.path for rendition in turn}
        yield from (line for rendition in turn if (line := _difference(renderer, rendition)))
        done(len(turn))
    yield from (f"unknown: {path}" for path in PublicStore().paths() if path not in expected and not _is_asset(path))


def _difference(renderer: Renderer, rendition: Rendition) -> str:
    # Return what is wrong with the stored rendition, or "".
    content, stored = renderer.render(rendition), renderer.store.modified(rendition.path)
    if content is None:
        return f"gone from the database: {rendition.path}" if stored is not None else ""
    if stored is None:
        return f"missing: {rendition.path}"
    if renderer.is_stored(rendition, content) or _differs_in_time_only(rendition, stored):
        return ""
    return f"differs: {rendition.path}"


def _differs_in_time_only(rendition: Rendition, published: datetime) -> bool:
    # Whether only time has passed: an ongoing outage lasts longer now than when the document was written.
    renderer = Renderer(published)
    content = renderer.render(rendition)
    return content is not None and renderer.is_stored(rendition, content)


def _publish_job(job: Job) -> Report:
    report = Report()
    for turn in job:
        report.add(_publish_turn(turn))
    return report


def _publish_turn(turn: list[Rendition], *, shared: bool = True) -> Report:
    with transaction.atomic():
        _acquire_lock(shared=shared)
        run = Run()
        run.write(turn)
        return run.finish()


def _subjects() -> QuerySet[StaleSubject]:
    # Return the subjects that `publish_stale` handles.
    return StaleSubject.objects.exclude(subject__in=[ARCHIVE, PURGE])


def _update_subjects(rows: Sequence[StaleSubject], report: Report) -> None:
    # Delete the subjects that are published; record with each of the others why its documents failed.
    if not report.failed:
        _delete(rows)
        return
    failed: dict[str, dict[str, str]] = {row.subject: {} for row in rows}
    for subject in failed:
        paths = [rendition.path for rendition in touched_renditions(Subjects(frozenset({subject})))]
        failed[subject] = {path: report.failed[path] for path in paths if path in report.failed}
    explained = {path for reasons in failed.values() for path in reasons}
    for subject, reasons in failed.items():
        same = [row for row in rows if row.subject == subject]
        if reasons or explained != set(report.failed):  # a failure that belongs to no subject keeps all of them
            _record_reasons(same, reasons or report.failed)
        else:
            _delete(same)


def _record_reasons(rows: Sequence[StaleSubject], failed: Mapping[str, str]) -> None:
    for row in rows:
        row.error = failures.format_reasons(failed)
    StaleSubject.objects.bulk_update(rows, ["error"])


def _delete(rows: Iterable[StaleSubject]) -> None:
    StaleSubject.objects.filter(pk__in=[row.pk for row in rows]).delete()


@contextmanager
def _workers(processes: int) -> Iterator[Callable[..., Iterator[Report]]]:
    # Yield a `map` that spreads over so many processes, each with a database connection of its own.
    if processes == 1:
        yield map
        return
    connections.close_all()  # neither an open connection nor a pooled one may be shared with the children
    for database in connections.all():
        if isinstance(database, PostgresConnection):
            database.close_pool()
    gc.freeze()  # a collection would write to each object, and so give each process a copy of all memory
    try:
        with ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin_process) as pool:
            yield pool.map
    finally:
        gc.unfreeze()


def _begin_process() -> None:
    # One connection without a pool, which would give up after the seconds that a request waits.
    for database in connections.all():
        database.settings_dict["OPTIONS"].pop("pool", None)
    # Exit if the parent dies; otherwise this process would wait for work for ever.
    if parent := parent_process():
        Thread(target=_await_exit, args=[parent.sentinel], daemon=True).start()


def _await_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # the database rolls back what this process has begun


def _clear_leftovers(store: PublicStore) -> None:
    # Hold the lock: the temporary files of a running publisher are no leftovers.
    with transaction.atomic():
        _acquire_lock()
        store.clear_leftovers()


def _delete_unknown(store: PublicStore, report: Report) -> None:
    # Delete files that belong to no document, such as those of a component renamed while publishing failed.
    expected = {rendition.path for rendition in all_renditions()}
    for path in [path for path in store.paths() if path not in expected and not _is_asset(path)]:
        store.delete(path)
        report.deleted.append(path)
    report.fail_mirror(mirror.update(store, [], report.deleted))


def _is_asset(path: str) -> bool:
    # Style sheets and scripts of earlier versions are kept: pages in readers' caches still refer to them.
    return path.startswith("/assets/")


def _acquire_lock(*, shared: bool = False) -> None:
    # Wait for the publisher before this one; the lock ends with the transaction, even if the process dies.
    #
    # The processes of `publish_all` share it: none of them has newer content that another could overwrite.
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
