"""Publishes all documents, or compares them with the store. See `changes` for those that a change touches."""

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from django.db import connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection

from ...models import StaleSubject
from .. import failures
from . import fingerprint, lock, mirror
from .public_store import PublicStore
from .purge import purge
from .renditions import (
    Renderer,
    Rendition,
    all_renditions,
    jobs_by_kind,
)
from .run import TURN, Report, clear_leftovers, publish_job

Progress = Callable[[int], Callable[[int], object]]


def no_progress(_total: int) -> Callable[[int], object]:
    return lambda _done: None


def publish_all(*, processes: int = 1, progress: Progress = no_progress) -> Report:
    """Publish every document that should exist and delete all others.

    Documents are written in turns, so that updates of staff are published in between.
    What is being published again in the background is done with it.
    `processes` share the jobs of one kind of document, kind after kind.
    `progress(total)` returns a function that is called with the number of documents just finished.
    """
    report, store = Report(), PublicStore()
    store.root.mkdir(parents=True, exist_ok=True)
    clear_leftovers(store)
    if not fingerprint.matches(store):
        fingerprint.forget(store)  # if this is interrupted, an older version that is put back must not trust it
    begun = [row.pk for row in StaleSubject.objects.in_background()]
    kinds = list(jobs_by_kind(TURN))
    done = progress(sum(len(turn) for kind in kinds for job in kind for turn in job))
    with _workers(processes) as map_jobs:
        for kind in kinds:
            for job, result in zip(kind, map_jobs(publish_job, kind), strict=True):
                report.add(result)
                done(sum(map(len, job)))
    with transaction.atomic():
        lock.acquire()  # a document that another publisher has just added must not count as unknown
        delete_unknown(store, report)
    failures.log_changes({}, report.failed, report.traces)
    if not report.failed:
        StaleSubject.objects.filter(pk__in=begun).delete()
        fingerprint.record(store)
    purge([*report.written, *report.deleted])
    return report


def differences(progress: Progress = no_progress) -> Iterator[str]:
    """Yield a line for each document that the store lacks, has with other content, or has in excess."""
    expected, turns = set(), [turn for kind in jobs_by_kind(TURN) for job in kind for turn in job]
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


def delete_unknown(store: PublicStore, report: Report) -> None:
    """Delete files that belong to no document. Call it inside a transaction that holds the lock."""
    for path in unknown_paths(store):
        store.delete(path)
        report.deleted.append(path)
    report.fail_mirror(mirror.update(store, [], report.deleted))


def unknown_paths(store: PublicStore) -> list[str]:
    """Return what belongs to no document, such as files of a component renamed while publishing failed."""
    expected = {rendition.path for rendition in all_renditions()}
    return [path for path in store.paths() if path not in expected and not _is_asset(path)]


def _is_asset(path: str) -> bool:
    # Style sheets and scripts of earlier versions are kept: pages in readers' caches still refer to them.
    return path.startswith("/assets/")
