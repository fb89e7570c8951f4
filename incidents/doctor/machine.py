"""Disks and backups."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from ..backup.record import last_backup
from .base import CheckResult, fail, ok, span, warn, worst

# Both must be true: a tenth of a large disk is plenty, and a small one is never half empty.
_WARN_SHARE, _WARN_BYTES = 0.10, 10 * 2**30
_FAIL_SHARE, _FAIL_BYTES = 0.03, 2**30
_OLD = timedelta(days=2)


def disks_have_space() -> CheckResult:
    folders = {"VAR_DIR": settings.VAR_DIR, "PUBLIC_ROOT": settings.PUBLIC_ROOT, "temp": Path(tempfile.gettempdir())}
    return worst([_space(name, _existing(folder)) for name, folder in folders.items()])


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _space(name: str, folder: Path) -> CheckResult:
    disk = os.statvfs(folder)
    free, share = disk.f_bavail * disk.f_frsize, disk.f_bavail / max(1, disk.f_blocks)
    files = disk.f_favail / disk.f_files if disk.f_files else 1.0  # some file systems have no limit
    advice = f"Free space in {folder}: look for logs, backups and other files."
    if files < _FAIL_SHARE or (share < _FAIL_SHARE and free < _FAIL_BYTES):
        return fail(f"{name}: {free / 2**30:.1f} GiB and {files:.0%} of the inodes free", advice)
    if files < _WARN_SHARE or (share < _WARN_SHARE and free < _WARN_BYTES):
        return warn(f"{name}: {free / 2**30:.1f} GiB and {files:.0%} of the inodes free", advice)
    return ok(f"{name}: {free / 2**30:.1f} GiB free")


def backup_is_recent() -> CheckResult:
    made_at = last_backup()
    if made_at is None:
        return warn("none is recorded", "Turn on the nightly backup: docs/backup.md#daily-backups.")
    age = timezone.now() - made_at
    if age > _OLD:
        return warn(f"the last one was {span(age)} ago", "Run `systemctl start statuspage-backup`, and read its log.")
    return ok(f"the last one was {span(age)} ago")
