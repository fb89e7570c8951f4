"""One publishing run: writes renditions to the public store and reports the result for each path."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db import transaction

from .. import failures
from . import lock, mirror
from .public_store import PublicStore, Staged
from .renditions import Job, Renderer, Rendition

TURN = 100  # documents in one transaction, if many are published; updates of staff are published between two turns


@dataclass
class Report:
    """What a publishing run did, by path."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)  # tracebacks, except of errors of the operating system

    def add(self, other: "Report") -> None:
        self.written += other.written
        self.unchanged += other.unchanged
        self.deleted += other.deleted
        self.failed |= other.failed
        self.traces |= other.traces

    def fail(self, paths: Sequence[str], error: BaseException) -> None:
        self.failed |= dict.fromkeys(paths, failures.reason_of(error))
        if not failures.is_os_error(error):
            self.traces |= dict.fromkeys(paths, "".join(traceback.format_exception(error)))

    def fail_mirror(self, failed: Iterable[tuple[str, BaseException]]) -> None:
        for path, error in failed:
            self.fail([path], error)
            self.failed[path] = failures.MIRROR + self.failed[path]

    def __str__(self) -> str:
        return (
            f"{len(self.written)} written, {len(self.unchanged)} unchanged, "
            f"{len(self.deleted)} deleted, {len(self.failed)} failed"
        )


class Run:
    """Writes renditions in one or more calls; `finish` deletes last, so that no link is ever dead.

    A document that fails is reported and does not prevent the others.
    """

    def __init__(self) -> None:
        self._report = Report()
        self._renderer = Renderer()
        self._store = self._renderer.store
        self._removed: list[str] = []

    @property
    def removes_documents(self) -> bool:
        """Whether `finish` will delete a document that is in the store."""
        return any(self._store.modified(path) is not None for path in self._removed)

    def write(self, renditions: Iterable[Rendition]) -> None:
        """Render all, then put the files in place in the order given, and send them to the mirror."""
        turn = list(renditions)
        existing: list[Rendition] = []
        self._renderer.expect(turn)
        staged: list[Staged] = []
        written: list[str] = []
        before = transaction.savepoint()
        for rendition in turn:
            try:
                content = self._renderer.render(rendition)
                if content is None:
                    self._removed.append(rendition.path)
                    continue
                existing.append(rendition)
                files = self._stage(rendition, content)
            except Exception as error:
                transaction.savepoint_rollback(before)  # after an error PostgreSQL would refuse the next query
                self._report.fail([rendition.path], error)
                continue
            staged += files
            written += [rendition.path] if files else []
        transaction.savepoint_commit(before)
        try:
            self._store.put_in_place(staged)
            self._report.written += written
        except OSError as error:
            self._report.fail(written, error)
        self._send_to_mirror(existing)

    def finish(self) -> Report:
        for path in self._removed:
            try:
                if self._store.modified(path) is not None:
                    self._store.delete(path)
                    self._report.deleted.append(path)
            except OSError as error:
                self._report.fail([path], error)
        self._report.fail_mirror(mirror.update(self._store, [], self._removed))
        return self._report

    def _stage(self, rendition: Rendition, content: str | bytes) -> list[Staged]:
        # Return the files to put in place; none if only the time of publishing would differ.
        if self._renderer.is_stored(rendition, content):
            self._report.unchanged.append(rendition.path)
            return []
        published = self._renderer.published
        return self._store.stage(rendition.path, self._renderer.to_bytes(rendition, content, published), published)

    def _send_to_mirror(self, existing: Iterable[Rendition]) -> None:
        # Send unchanged documents too, so that the next run repeats what this one fails to send.
        stored = (rendition for rendition in existing if rendition.path not in self._report.failed)
        by_document = groupby(stored, key=lambda rendition: rendition.document)
        groups = ([rendition.path for rendition in group] for _document, group in by_document)
        self._report.fail_mirror(mirror.update(self._store, groups, []))


def write_documents(renditions: Iterable[Rendition]) -> Report:
    """Write these documents in one run. Call it inside a transaction that holds the lock."""
    run = Run()
    run.write(renditions)
    return run.finish()


def publish_job(job: Job) -> Report:
    """Write the turns of a job, each in a transaction of its own. Other publishers run between two turns."""
    report = Report()
    for turn in job:
        report.add(publish_turn(turn))
    return report


def publish_turn(turn: list[Rendition]) -> Report:
    with transaction.atomic():
        lock.acquire(shared=True)
        return write_documents(turn)


def clear_leftovers(store: PublicStore) -> None:
    """Remove half-written files of killed publishers.

    They are listed without the lock, for which staff may be waiting. Once a publisher that is running has ended,
    its files have their final names, and those that are left are leftovers.
    """
    if files := store.half_written():
        with transaction.atomic():
            lock.acquire()
            store.remove_leftovers(files)
