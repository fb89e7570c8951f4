"""The file of a backup: only its owner may read it, and it has its name only when it is complete."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incidents.backup import files
from incidents.backup.errors import BackupError

NOW = datetime(2026, 11, 27, 7, 15, tzinfo=UTC)


def write(target: Path, *, force: bool = False, somebody_else: bool = False) -> None:
    with files.written(str(target), force=force) as stream:
        stream.write(b"new")
        if somebody_else:
            target.write_bytes(b"other")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write(tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"old")
    with pytest.raises(BackupError, match="--force"):
        write(tmp_path / "backup")
    assert (tmp_path / "backup").read_bytes() == b"old"
    write(tmp_path / "backup", force=True)
    assert (tmp_path / "backup").read_bytes() == b"new"


def test_file_that_appeared_since_is_kept(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="in the meantime"):
        write(tmp_path / "backup", somebody_else=True)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"other"]


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), files.written(str(tmp_path / "backup"), force=False):
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_only_the_newest_backups_are_kept_and_nothing_else_is_deleted(tmp_path: Path) -> None:
    names = [files.name_in(tmp_path, NOW.replace(day=day), encrypted=day % 2 == 0) for day in (3, 1, 4, 2)]
    for file in [*names, tmp_path / "notes.txt", tmp_path / "statuspage-old.tar"]:
        file.touch()
    for name, age in ((".statuspage-1.tmp", timedelta(days=3)), (".statuspage-2.tmp", timedelta(hours=1))):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, times=((NOW - age).timestamp(),) * 2)
    assert [file.name for file in files.delete_oldest(tmp_path, 2, NOW)] == [
        "statuspage-20261101T071500Z.tar",
        "statuspage-20261102T071500Z.tar.age",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".statuspage-2.tmp",
        "notes.txt",
        "statuspage-20261103T071500Z.tar",
        "statuspage-20261104T071500Z.tar.age",
        "statuspage-old.tar",
    ]
