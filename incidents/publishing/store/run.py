"""One publishing run: copies become files of the public store, and a report says what became of each."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db import transaction

from .. import failures
from . import mirror
from .public_store import Staged
from .renditions import Renderer, Rendition


@dataclass
class Report:
    """What a publishing run did, by path."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)  # tracebacks of what failed for a fault of its own

    def add(self, other: "Report") -> None:
        self.written += other.written
        self.unchanged += other.unchanged
        self.deleted += other.deleted
        self.failed |= other.failed
        self.traces |= other.traces

    def fail(self, paths: Sequence[str], error: BaseException) -> None:
        self.failed |= dict.fromkeys(paths, failures.reason_of(error))
        if not failures.is_of_store(error):
            self.traces |= dict.fromkeys(paths, "".join(traceback.format_exception(error)))

    def fail_mirror(self, failed: Iterable[tuple[str, BaseException]]) -> None:
        """What the mirror refused."""
        for path, error in failed:
            self.fail([path], error)
            self.failed[path] = failures.MIRROR + self.failed[path]

    def __str__(self) -> str:
        return (
            f"{len(self.written)} written, {len(self.unchanged)} unchanged, "
            f"{len(self.deleted)} deleted, {len(self.failed)} failed"
        )


class Run:
    """Writes in one or several goes; then `finish` deletes what is gone, so that no link leads nowhere in between.

    A document that fails is reported and stops no other.
    """

    def __init__(self) -> None:
        self._report = Report()
        self._press = Renderer()
        self._store = self._press.store
        self._kept: list[Rendition] = []
        self._gone: list[str] = []

    def write(self, copies: Iterable[Rendition]) -> None:
        """All are rendered before the first is put in its place, in the order given."""
        staged: list[Staged] = []
        written: list[str] = []
        before = transaction.savepoint()
        for copy in copies:
            try:
                found = self._stage(copy)
            except Exception as error:
                transaction.savepoint_rollback(before)  # after an error PostgreSQL would refuse the next question
                self._report.fail([copy.path], error)
                continue
            staged += found
            written += [copy.path] if found else []
        transaction.savepoint_commit(before)
        try:
            self._store.put_in_place(staged)
            self._report.written += written
        except OSError as error:
            self._report.fail(written, error)

    def finish(self) -> Report:
        for path in self._gone:
            try:
                if self._store.modified(path) is not None:
                    self._store.delete(path)
                    self._report.deleted.append(path)
            except OSError as error:
                self._report.fail([path], error)
        self._send()
        return self._report

    def _stage(self, copy: Rendition) -> list[Staged]:
        """The files to put in place. Unchanged bytes are not rewritten, whatever the time of publishing."""
        content = self._press.compose(copy)
        if content is None:
            self._gone.append(copy.path)
            return []
        self._kept.append(copy)
        if self._press.is_stored(copy, content):
            self._report.unchanged.append(copy.path)
            return []
        published = self._press.published
        return self._store.stage(copy.path, self._press.finish(copy, content, published), published)

    def _send(self) -> None:
        """To the mirror goes what was touched, changed or not: the next run makes good what this one cannot send."""
        kept = (copy for copy in self._kept if copy.path not in self._report.failed)
        groups = ([copy.path for copy in group] for _kind, group in groupby(kept, key=lambda copy: copy.document))
        self._report.fail_mirror(mirror.send(self._store, groups, self._gone))
