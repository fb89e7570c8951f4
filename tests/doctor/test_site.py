"""What `doctor` finds at SITE_URL: the page, its certificate and its clock."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from pytest_django import Settings

from harness.ports import free_port
from incidents.doctor import site
from tests.doctor.site_server import SiteServer
from tests.support import certificates


@pytest.fixture
def server(settings: Settings) -> Iterator[SiteServer]:
    """The page of this version."""
    with SiteServer() as running:
        running.answers = {"/healthz": (200, f"ok\nversion {settings.VERSION}\n"), "/readyz": (200, "{}")}
        settings.SITE_URL = running.url
        yield running


def test_page_of_this_version_is_fine(server: SiteServer) -> None:
    assert site.page_answers().state == "OK"


@pytest.mark.parametrize(
    ("path", "status", "text", "found"),
    [
        ("/healthz", 200, "ok\nversion 0.9.0\n", "version 0.9.0 answers, this is "),
        ("/healthz", 502, "Bad Gateway", "/healthz answers with status 502"),
        ("/healthz", 200, "<html>", "/healthz answers with status 200"),
        ("/readyz", 503, '{"ready": false, "checks": {"pages": "no home page: en"}}', "no home page: en"),
    ],
)
def test_old_process_and_missing_pages_fail(server: SiteServer, path: str, status: int, text: str, found: str) -> None:
    server.answers[path] = (status, text)
    result = site.page_answers()
    assert result.state == "FAIL"
    assert found in result.found


def test_page_that_does_not_answer_fails_and_its_certificate_is_not_seen(settings: Settings) -> None:
    settings.SITE_URL = f"https://localhost:{free_port()}"
    page, certificate = site.page_answers(), site.certificate_lasts()
    assert (page.state, certificate.state) == ("FAIL", "WARN")
    assert "Connection refused" in page.found
    assert "Connection refused" in certificate.found


@pytest.mark.parametrize(("days", "state"), [(90, "OK"), (14, "WARN"), (3, "FAIL")])
def test_certificate_is_announced_before_it_expires(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, state: str
) -> None:
    certificate = certificates.make(tmp_path, "localhost", days=days)
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with SiteServer(certificate) as running:
        settings.SITE_URL = running.url
        result = site.certificate_lasts()
    assert result.state == state
    assert f"valid for {days - 1} days" in result.found


@pytest.mark.parametrize(
    ("name", "is_expired", "found"),
    [("localhost", True, "certificate has expired"), ("other.example", False, "Hostname mismatch")],
)
def test_certificate_that_browsers_refuse_fails(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_expired: bool, found: str
) -> None:
    certificate = certificates.make(tmp_path, name, is_expired=is_expired)
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with SiteServer(certificate) as running:
        settings.SITE_URL = running.url
        result = site.certificate_lasts()
    assert result.state == "FAIL"
    assert found in result.found


def test_page_without_https_is_a_warning(server: SiteServer) -> None:
    assert site.certificate_lasts().state == "WARN"


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "state"), [(0, "OK"), (30, "WARN"), (300, "FAIL")])
def test_clock_that_differs_from_that_of_the_page_is_noticed(server: SiteServer, seconds: int, state: str) -> None:
    server.date = time.time() - seconds
    assert site.clocks_agree().state == state


@pytest.mark.django_db
def test_clock_that_differs_from_that_of_the_database_fails(settings: Settings) -> None:
    settings.SITE_URL = f"http://localhost:{free_port()}"
    assert site.clocks_agree().found == "same time: database"
    with time_machine.travel(time.time() + timedelta(hours=3).total_seconds()):
        result = site.clocks_agree()
    assert (result.state, result.found.split(" from ")[1]) == ("FAIL", "the clock of database")


def test_clock_is_not_compared_with_servers_that_are_down(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SITE_URL = f"http://localhost:{free_port()}"
    monkeypatch.setattr(site, "_database_time", lambda: None)
    assert site.clocks_agree().state == "WARN"
