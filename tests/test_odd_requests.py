"""Odd bytes at every dynamic address outside the newsroom; tests/admin/test_odd_requests.py tries those in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from statuspage import probes
from tests.support.odd_requests import ADDRESSES, Site, asked_by_staff, failures

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(
    tmp_path: Path, public_store: Path, settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setattr(probes, "readiness", probes.Readiness())
    with asked_by_staff(tmp_path, settings, client) as site:
        yield site


@pytest.mark.parametrize("address", [one for one in ADDRESSES if not one.startswith("/admin/")])
def test_odd_bytes_are_refused_without_a_traceback(page: Site, address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert failures(page, address, caplog) == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/da/nothing/", {}, 404), ("/admin/", {"host": "status\xfa.example"}, 400), ("/readyz", {}, 405)],
)
def test_malformed_form_gets_the_page_of_its_error(path: str, headers: dict[str, str], status: int) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "0123456789abcdef" * 2
    answer = client.post(path, b"--b--", content_type="multipart/form-data", headers=headers)
    assert answer.status_code == status


def test_all_dynamic_addresses_are_tried() -> None:
    assert {"/readyz", "/metrics", "/i18n/setlang/", "/admin/login/"} <= set(ADDRESSES)
    assert any("subscription/manage/{}" in one for one in ADDRESSES)
    assert len(ADDRESSES) > 40


def test_log_in_with_a_foreign_next_leads_to_the_newsroom(client: Client) -> None:
    get_user_model().objects.create_superuser("karen", password="a-long-pass-phrase")
    for foreign in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        client.logout()
        form = {"username": "karen", "password": "a-long-pass-phrase", "next": foreign}
        assert client.post("/admin/login/", form)["Location"] == "/admin/"
