import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import brotli
import pytest

from incidents.publishing.store.public_store import PublicStore

MORNING = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
EVENING = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> PublicStore:
    return PublicStore(tmp_path / "public")


def test_page_is_stored_as_an_index_file_with_both_compressions_beside_it(store: PublicStore) -> None:
    store.write("/da/incidents/k3j9x2m4p7qa/", "<p>Løst</p>".encode(), MORNING)
    file = store.root / "da/incidents/k3j9x2m4p7qa/index.html"
    assert file.read_text() == "<p>Løst</p>"
    assert gzip.decompress(Path(f"{file}.gz").read_bytes()) == file.read_bytes()
    assert brotli.decompress(Path(f"{file}.br").read_bytes()) == file.read_bytes()
    assert {f.stat().st_mtime for f in file.parent.iterdir()} == {MORNING.timestamp()}


def test_picture_is_not_compressed_again(store: PublicStore) -> None:
    store.write("/assets/logo.png", b"\x89PNG", MORNING)
    assert [file.name for file in (store.root / "assets").iterdir()] == ["logo.png"]


def test_compressed_bytes_do_not_depend_on_the_time(store: PublicStore) -> None:
    store.write("/da/", b"<p>x</p>" * 100, MORNING)
    first = (store.root / "da/index.html.gz").read_bytes()
    store.write("/da/", b"<p>x</p>" * 100, EVENING)
    assert (store.root / "da/index.html.gz").read_bytes() == first


def test_failed_write_leaves_the_old_bytes_whole_and_nothing_else(
    store: PublicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("/da/", b"old", MORNING)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write("/da/", b"new", EVENING)
    assert store.read("/da/") == b"old"
    assert sorted(file.name for file in (store.root / "da").iterdir()) == [
        "index.html",
        "index.html.br",
        "index.html.gz",
    ]


def test_deleting_a_document_removes_empty_folders(store: PublicStore) -> None:
    store.write("/da/incidents/k3j9x2m4p7qa/", b"x", MORNING)
    store.write("/da/", b"x", MORNING)
    store.delete("/da/incidents/k3j9x2m4p7qa/")
    store.delete("/da/incidents/k3j9x2m4p7qa/")
    assert list(store.paths()) == ["/da/"]
    assert not (store.root / "da/incidents").exists()


def test_paths_skip_compressed_and_half_written_files(store: PublicStore) -> None:
    store.write("/da/", b"x", MORNING)
    store.write("/badge.svg", b"<svg/>", MORNING)
    (store.root / "da/.index.html.x.tmp").write_text("half")
    assert list(store.paths()) == ["/badge.svg", "/da/"]
    store.remove_leftovers(store.half_written())
    assert not (store.root / "da/.index.html.x.tmp").exists()


def test_missing_document_reads_as_none(store: PublicStore) -> None:
    store.write("/badge.svg", b"<svg/>", MORNING)
    assert store.read("/da/") is None
    assert store.modified("/badge.svg/below/") is None
