"""Sockets of the local servers, wherever the project is."""

from pathlib import Path

import pytest

from statuspage.local import sockets


def test_path_of_a_socket_is_short_and_plain() -> None:
    assert sockets.is_suitable(Path("/home/anna/my-projects/status_2.0/var/valkey"))
    for part in ("My Projects", "blåbær", "a,b", "100%", "x" * sockets.LONGEST_FOLDER):
        assert not sockets.is_suitable(Path("/home", part))


def test_folder_for_sockets_is_private_and_is_suitable_wherever_temporary_files_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no such/folder")
    folder = sockets.make_folder()
    try:
        assert sockets.is_suitable(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
