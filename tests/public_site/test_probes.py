"""The probes that the web server answers without Django, the database and the queue."""

import json
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.public_site.sites import DOCUMENTS, published, site
from tests.support.wsgi import Answer, ask


def django_is_not_asked(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


def probe(root: Path, path: str, *, method: str = "GET", query: str = "") -> Answer:
    return ask(site(root, django_is_not_asked, version="1.2.3"), path, method=method, query=query)


def test_healthz_tells_that_the_process_runs_and_its_version(tmp_path: Path) -> None:
    answer = probe(tmp_path / "nothing", "/healthz")
    assert (answer.status, answer.text, answer.headers["Cache-Control"]) == (200, "ok\nversion 1.2.3\n", "no-store")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_readyz_needs_the_published_pages_only(root: Path) -> None:
    answer = probe(root, "/readyz")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert json.loads(answer.text) == {"ready": True, "checks": {"pages": "ok"}}


def test_readyz_names_the_languages_without_a_home_page(tmp_path: Path) -> None:
    documents = {path: text for path, text in DOCUMENTS.items() if path != "/en/"}
    answer = probe(published(tmp_path / "public", documents).root, "/readyz")
    assert answer.status == 503
    assert json.loads(answer.text) == {"ready": False, "checks": {"pages": "no home page: en"}}


def test_nothing_published_is_not_ready(tmp_path: Path) -> None:
    assert probe(tmp_path / "public", "/readyz").status == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_head(root: Path, path: str) -> None:
    answer = probe(root, path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_probes_can_only_be_read(root: Path, path: str, method: str) -> None:
    answer = probe(root, path, method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("query", ["deep=1", "a=b&deep=1"])
def test_deep_readyz_is_passed_to_django(root: Path, query: str) -> None:
    assert ask(site(root), "/readyz", query=query).headers["X-From"] == "Django"
