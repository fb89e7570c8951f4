"""NUL, invalid UTF-8 and other odd bytes at every address of the newsroom, in every part of a request."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from tests.support.odd_requests import ADDRESSES, Site, asked_by_staff, failures

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(tmp_path: Path, public_store: Path, settings: Settings, client: Client) -> Iterator[Site]:
    with asked_by_staff(tmp_path, settings, client) as site:
        yield site


@pytest.mark.parametrize("address", [one for one in ADDRESSES if one.startswith("/admin/")])
def test_odd_bytes_are_refused_without_a_traceback(page: Site, address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert failures(page, address, caplog) == []
