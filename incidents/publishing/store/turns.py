"""Turns of the documents that are published again: see `republishing`."""

from collections.abc import Mapping

from django.db import transaction

from ...models import StaleSubject
from .. import failures
from . import fingerprint, lock
from .public_store import PublicStore
from .publisher import delete_unknown, unknown_paths
from .renditions import SHORT_TURN, Rendition, archive_renditions, renditions_before_archive
from .run import Report, write_documents

_MOST_FAILURES = 100  # documents that may fail one by one; if more do, the version has a fault


class Turns:
    """Writes what a row of the subject ARCHIVE stands for, turn after turn: `read`, then `write`.

    Each turn renders what is committed once it has the lock, and stores how far it came in the same transaction.
    So several processes can share the work, and none repeats more than a turn after a crash.
    """

    def __init__(self) -> None:
        self._listed_for: tuple[str, str] | None = None  # version and position of the row
        self._every: list[Rendition] = []
        self._left: list[Rendition] = []
        self._has_unknown = False
        self._is_stopped = False

    @property
    def are_in_archive(self) -> bool:
        return not self._left or bool(self._left[0].document.archived)

    def read(self) -> bool:
        """Read how far publishing has come. Return False if nothing is left, or if the next turn would fail too."""
        row = None if self._is_stopped else _current_row()
        if row is None:
            return False
        self._row = row
        if self._listed_for != (row.version, row.position):
            self._list_documents()
        if not self._left and row.version:
            self._has_unknown = bool(unknown_paths(PublicStore()))  # takes long, so without the lock
        return True

    def write(self) -> Report:
        """Write the next documents, or once all were tried, those that failed."""
        with transaction.atomic():
            lock.acquire()
            same = StaleSubject.objects.filter(pk=self._row.pk, version=self._row.version, position=self._row.position)
            if not same.exists():  # another process has written these documents
                self._listed_for = None
                return Report()
            return self._write_next() if self._left else self._write_failed()

    def _list_documents(self) -> None:
        self._every = [*(renditions_before_archive() if self._row.version else ()), *archive_renditions()]
        paths = [rendition.path for rendition in self._every]
        start = paths.index(self._row.position) + 1 if self._row.position in paths else 0
        self._left = self._every[start:]
        self._listed_for = (self._row.version, self._row.position)

    def _write_next(self) -> Report:
        turn = self._left[:SHORT_TURN]
        report, failed = self._write_turn(turn)
        if _would_all_fail(turn, report.failed):
            self._stop(failed)
            return report
        own = [one for one in turn if one.document.archived and one.path in failed]
        StaleSubject.objects.bulk_create(_retry_subject(one, failed.pop(one.path)) for one in own)
        self._left = self._left[SHORT_TURN:]
        self._row.position = turn[-1].path
        self._row.done, self._row.total = len(self._every) - len(self._left), len(self._every)
        self._listed_for = (self._row.version, self._row.position)
        self._save(failed)
        return report

    def _write_failed(self) -> Report:
        before = failures.parse_reasons([self._row.error])
        report, failed = self._write_turn([one for one in self._every if one.path in before])
        if report.failed:
            self._stop(failed)
            return report
        self._row.delete()
        if self._row.version:
            if self._has_unknown:
                delete_unknown(PublicStore(), report)
            fingerprint.record(PublicStore())
        return report

    def _write_turn(self, turn: list[Rendition]) -> tuple[Report, dict[str, str]]:
        # Return the reasons of all that failed until now, too.
        before, paths = failures.parse_reasons([self._row.error]), {rendition.path for rendition in turn}
        report = write_documents(turn)
        tried = {path: reason for path, reason in before.items() if path in paths}
        failures.log_changes(tried, report.failed, report.traces)
        return report, {path: reason for path, reason in before.items() if path not in paths} | report.failed

    def _stop(self, failed: Mapping[str, str]) -> None:
        self._is_stopped = True
        self._save(failed)

    def _save(self, failed: Mapping[str, str]) -> None:
        self._row.error = failures.format_reasons(failed)
        self._row.save(update_fields=["position", "done", "total", "error"])


def _current_row() -> StaleSubject | None:
    # Return the row to work on; what another version has begun is left to it.
    rows = [
        row
        for row in StaleSubject.objects.in_background()
        if not row.version or row.version == fingerprint.current()  # which reads all files of the product once
    ]
    if len(rows) < 2:
        return rows[0] if rows else None
    return _merge([row.pk for row in rows])


def _merge(keys: list[int]) -> StaleSubject | None:
    # Begin again for the newest row: that is right for the older ones as well.
    with transaction.atomic():
        lock.acquire()
        *older, newest = StaleSubject.objects.filter(pk__in=keys)
        newest.version = max(row.version for row in (*older, newest))
        newest.position, newest.done, newest.error = "", 0, ""
        newest.save(update_fields=["version", "position", "done", "error"])
        StaleSubject.objects.filter(pk__in=[row.pk for row in older]).delete()
    return newest


def _would_all_fail(turn: list[Rendition], failed: Mapping[str, str]) -> bool:
    # Whether the cause is not a document: a full disk, a mirror that does not answer, a fault of the version.
    if not all(rendition.path in failed for rendition in turn):
        return False
    causes = {failures.cause_of(failed[rendition.path]) for rendition in turn}
    return causes != {failures.Cause.DOCUMENT} or StaleSubject.objects.failed().count() >= _MOST_FAILURES


def _retry_subject(rendition: Rendition, reason: str) -> StaleSubject:
    # Return a subject of its own for one document of the archive that failed.
    subject = f"{rendition.document.archived}:{rendition.key}"
    return StaleSubject(subject=subject, error=failures.format_reasons({rendition.path: reason}))
