"""Publishes the documents that a change touches: first the pages that readers wait for, then the others.

The rows that name what is stale are deleted in the transaction that writes the files: if a publisher is killed at any
point, the rows remain and the scheduler publishes again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from django.db import transaction

from ...models import ARCHIVE, PURGE, StaleSubject
from ...models.publication import StaleSubjectQuerySet
from .. import failures
from ..documents.base import Subjects
from ..documents.registry import DOCUMENTS
from . import lock, measures, republishing
from .public_store import PublicStore
from .purge import purge
from .renditions import FOLLOWING, FOR_READERS, SHORT_TURN, Rendition, touched_renditions
from .run import Report, Run, clear_leftovers, write_documents


def publish_stale() -> Report:
    """Publish every document that depends on something stale.

    If that is the whole page and its archive is long, the archive is left to the scheduler.
    """
    report = publish_for_readers()
    report.add(publish_following(retry=True))
    return report


def publish_for_readers() -> Report:
    """Publish the pages that readers wait for after changes; `publish_following` publishes the other documents.

    Those are published here as well if links may begin or cease to exist, so that none is dead, or if a page failed.
    """
    if not _subjects().unshown().exists():
        return Report()
    with transaction.atomic():
        lock.acquire_for_readers()
        rows = list(_subjects().unshown())
        before, subjects, run = _errors(rows), _named(rows), Run()
        is_all = subjects.change_links
        run.write(touched_renditions(subjects, DOCUMENTS if is_all else FOR_READERS))
        if run.removes_documents and not is_all:
            is_all = True
            run.write(touched_renditions(subjects, FOLLOWING))
        report = run.finish()
        if report.failed and not is_all:
            is_all = True
            report.add(write_documents(touched_renditions(subjects, FOLLOWING)))
        if subjects.whole_page and not report.failed:
            StaleSubject.objects.create(subject=ARCHIVE, is_shown=True)
        _update_subjects(rows, report, _delete if is_all else _mark_shown)
        if rows:
            measures.record(rows, report)
        failures.log_changes(before, report.failed, report.traces)
    purge([*report.written, *report.deleted])
    if subjects.whole_page and not republishing.is_archive_long():
        report.add(republishing.publish_archive())
    return report


def publish_following(*, retry: bool = False) -> Report:
    """Publish the other documents that depend on changes that readers see: feeds, API, archive.

    If readers' pages are being published, it waits for that. An update that staff publish during it waits for one turn
    of documents at most. Without `retry`, changes whose documents failed before wait for `repair`.
    """
    waiting = _subjects() if retry else _subjects().filter(error="")
    if not waiting.exists():
        return Report()
    following = _Following(waiting.filter(is_shown=True))
    while not following.is_over:
        with transaction.atomic():
            lock.acquire()
            following.write()
    purge([*following.report.written, *following.report.deleted])
    return following.report


class _Following:
    """Writes the documents that follow some changes, until all are written or readers wait for a page.

    Each call of `write` renders what is committed once it has the lock.
    """

    def __init__(self, waiting: StaleSubjectQuerySet) -> None:
        self.report = Report()
        self.is_over = False
        self._waiting = waiting
        self._rows: list[StaleSubject] = []
        self._left: list[Rendition] = []

    def write(self) -> None:
        """Write the next documents. Call it inside a transaction that holds the lock."""
        if not self._left:
            self._rows = list(self._waiting.all())
            self._left = list(touched_renditions(_named(self._rows), FOLLOWING))
        elif not StaleSubject.objects.filter(pk__in=[row.pk for row in self._rows]).exists():
            self._rows = []  # another publisher has written them in between
        if not self._rows:
            self.is_over = True
            return
        self._write_until_readers_wait()
        if not self._left:
            self.is_over = True
            self._settle()

    def _write_until_readers_wait(self) -> None:
        run = Run()
        while self._left:
            run.write(self._left[:SHORT_TURN])
            del self._left[:SHORT_TURN]
            # A run that deletes documents goes on to its end, so that nothing links to them.
            if self._left and not run.removes_documents and lock.do_readers_wait():
                break
        self.report.add(run.finish())

    def _settle(self) -> None:
        before = _errors(self._rows)
        _update_subjects(self._rows, self.report, _delete)
        measures.record_errors(self.report)
        failures.log_changes(before, self.report.failed, self.report.traces)


def repair() -> Report:
    """Publish what a crash or a full disk left unpublished, and remove half-written files.

    It does not look for these, which takes long in a long history, while a publisher is at work on what is stale.
    """
    if _subjects().exists() and not lock.is_held():
        clear_leftovers(PublicStore())
    return publish_stale()


def _subjects() -> StaleSubjectQuerySet:
    # Return all subjects but those that have a publisher of their own.
    return StaleSubject.objects.exclude(subject__in=[ARCHIVE, PURGE])


def _named(rows: Iterable[StaleSubject]) -> Subjects:
    return Subjects(frozenset(row.subject for row in rows))


def _errors(rows: Iterable[StaleSubject]) -> dict[str, str]:
    return failures.parse_reasons(row.error for row in rows)


def _update_subjects(
    rows: Sequence[StaleSubject], report: Report, settle: Callable[[Iterable[StaleSubject]], None]
) -> None:
    # Settle the subjects whose documents are published; record with each of the others why they failed.
    if not report.failed:
        settle(rows)
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
            settle(same)


def _record_reasons(rows: Sequence[StaleSubject], failed: Mapping[str, str]) -> None:
    for row in rows:
        row.error = failures.format_reasons(failed)
    StaleSubject.objects.bulk_update(rows, ["error"])


def _mark_shown(rows: Iterable[StaleSubject]) -> None:
    StaleSubject.objects.filter(pk__in=[row.pk for row in rows]).update(is_shown=True, error="")


def _delete(rows: Iterable[StaleSubject]) -> None:
    StaleSubject.objects.filter(pk__in=[row.pk for row in rows]).delete()
