"""Publishes again in the background: the archive after a change of the whole page, everything after an upgrade.

A row of the subject ARCHIVE says what is to be written and how far publishing has come, so that it
goes on there after a restart. Another change of the whole page begins it again.

An update of staff waits for one small turn at most: PostgreSQL grants the lock in the order in which it was requested.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from ... import links
from ...models import ARCHIVE, StaleSubject
from . import fingerprint, lock
from .public_store import PublicStore
from .purge import purge
from .renditions import archive_renditions
from .run import Report
from .turns import Turns

LONG = 100  # documents; a longer archive is left to the scheduler


def is_archive_long() -> bool:
    """Whether there are so many documents of incidents and months that nobody should wait for them."""
    return len(archive_renditions()) > LONG


def is_outdated() -> bool:
    """Whether the store has the pages that readers begin with, but another version or other settings wrote it."""
    store = PublicStore()
    homes = [links.home(language) for language, _name in settings.LANGUAGES]
    return all(store.modified(home) for home in homes) and not fingerprint.matches(store)


def begin() -> None:
    """Let everything be published again, unless this version has already begun with it.

    From now on the store has documents of several versions. It must not count as complete if an older version is
    put back, so its record goes first. What another version has begun is dropped.
    """
    fingerprint.forget(PublicStore())
    with transaction.atomic():
        lock.acquire()
        begun = StaleSubject.objects.in_background().exclude(version="")
        if not begun.filter(version=fingerprint.current()).exists():
            begun.delete()
            StaleSubject.objects.create(subject=ARCHIVE, is_shown=True, version=fingerprint.current())


def begin_if_outdated() -> None:
    """Begin if nobody has run `manage.py publish` after an upgrade."""
    if is_outdated():
        begin()


def publish_archive(*, is_stopped: Callable[[], bool] = lambda: False, in_background: bool = False) -> Report:
    """Publish all that is to be published again.

    In the background, a pause as long as the turn follows each turn: half of the time an update does not wait at all,
    and the other threads of the process have their turns.
    """
    report, turns = Report(), Turns()
    while not is_stopped() and turns.read():
        begun = time.monotonic()
        report.add(turns.write())
        if in_background:
            time.sleep(time.monotonic() - begun)
    purge([*report.written, *report.deleted])
    return report


def publish_before_archive() -> Report:
    """Publish what readers see first of all that is to be published again, and leave the archive to the scheduler."""
    report, turns = Report(), Turns()
    while turns.read() and not turns.are_in_archive:
        report.add(turns.write())
    purge([*report.written, *report.deleted])
    return report
