"""`make run` in a folder whose path is not plain ASCII."""

import os
import re
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from statuspage.local import sockets
from tests.support.product import Product, wait_for


def test_sign_up_reaches_the_mailbox_below_a_path_with_blanks_and_letters(
    tmp_path: Path,
) -> None:
    # Not below tmp_path itself: those of pytest are closed to PostgreSQL's account.
    folder = Path(os.environ["VAR_DIR"]) / tmp_path.name / "My Projects" / 'blåbær, 100% "ripe"' / "status"
    folder.mkdir(parents=True)
    one = Product(folder, DATABASE_URL="", REDIS_URL="")
    one.start()
    try:
        sign_up(one, "anna@example.dk")
        [mail] = one.wait_for_mail("anna@example.dk")
        assert "/subscription/confirm/" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "Traceback" not in one.said()
    finally:
        one.stop()


def sign_up(product: Product, address: str) -> None:
    """Fill in the form; it refuses those who send it within two seconds, so it is sent until it is accepted."""
    path = "/en/subscribe/"
    form = product.get(path)[2]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    data = urlencode({**hidden, "address": address, "wants_incidents": "on"}).encode()

    def accepted() -> bool:
        try:
            urlopen(product.url + path, data, timeout=60).close()
        except HTTPError as error:
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
                return False
            raise
        return True

    wait_for(accepted)


def test_path_of_a_socket_is_short_and_plain() -> None:
    assert sockets.suits(Path("/home/anna/my-projects/status_2.0/var/valkey"))
    for part in ("My Projects", "blåbær", "a,b", "100%", "x" * sockets.LONGEST_FOLDER):
        assert not sockets.suits(Path("/home", part))


def test_folder_for_sockets_is_private_and_suits_wherever_temporary_files_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no such/folder")
    folder = sockets.make_folder()
    try:
        assert sockets.suits(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
