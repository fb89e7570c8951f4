"""The archive: a stream of files with a manifest, in which every change and every loss is noticed."""

import io
import tarfile
from datetime import UTC, datetime

import pytest

from incidents.backup import archive
from incidents.backup.archive import ArchiveReader, ArchiveWriter
from incidents.backup.errors import BackupError
from incidents.backup.manifest import BackupFacts

FACTS = BackupFacts(
    version="1.0",
    made_at=datetime(2026, 11, 27, tzinfo=UTC),
    site="https://status.example.dk",
    postgresql=150000,
    migrations=[],
    rows={},
)
DUMP = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PIECE", 10_000)


def written() -> bytes:
    stream = io.BytesIO()
    writer = ArchiveWriter(stream)
    writer.add_dump(io.BytesIO(DUMP))
    writer.add_file("da/index.html", io.BytesIO(b"<html>"), 6, 1_700_000_000)
    writer.finish(FACTS)
    return stream.getvalue()


def read(content: bytes) -> list[tuple[str, str, int, bytes]]:
    reader = ArchiveReader(io.BytesIO(content))
    return [(entry.part, entry.path, entry.modified, b"".join(entry.chunks)) for entry in reader.entries()]


def tar(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for name in names:
            made.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


def test_what_was_written_is_read() -> None:
    *pieces, page = read(written())
    assert [piece[:2] for piece in pieces] == [("database", "00000"), ("database", "00001"), ("database", "00002")]
    assert b"".join(piece[3] for piece in pieces) == DUMP
    assert page == ("store", "da/index.html", 1_700_000_000, b"<html>")


@pytest.mark.parametrize("place", [600, 12_000, 29_000])
def test_changed_byte_is_noticed(place: int) -> None:
    content = bytearray(written())
    content[place] ^= 1
    with pytest.raises(BackupError):
        read(bytes(content))


@pytest.mark.parametrize("length", [0, 100, 5_000, 20_000, 27_000])
def test_truncated_file_is_noticed(length: int) -> None:
    with pytest.raises(BackupError, match="incomplete"):
        read(written()[:length])


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "store/../../x", "/store/x", "store//x", "store/", "database", "other/x"]
)
def test_path_outside_the_parts_is_refused(name: str) -> None:
    with pytest.raises(BackupError, match=r"does not belong|not a file"):
        read(tar(name))


def test_link_is_refused() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        link = tarfile.TarInfo("store/x")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    with pytest.raises(BackupError, match="not a file"):
        read(stream.getvalue())


def test_other_file_is_refused() -> None:
    with pytest.raises(BackupError, match="not a backup"):
        read(b"This is a letter." * 1_000)
