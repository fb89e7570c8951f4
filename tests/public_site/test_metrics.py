"""`/metrics` as the web server's process answers it: its own part, and Django's if that answers."""

import re
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from incidents.metrics import definitions
from incidents.metrics.requests import class_of_document, class_of_request
from incidents.public_site import metrics
from incidents.public_site.application_process import ProcessEnded
from tests.public_site.sites import django_stand_in, published, site
from tests.support.wsgi import Answer, ask

TOKEN = "a-token-of-prometheus"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    assert (environ["PATH_INFO"], environ["HTTP_AUTHORIZATION"]) == ("/metrics", f"Bearer {TOKEN}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"statuspage_database_up 1\n"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


def own_site(root: Path, django: WSGIApplication = application) -> WSGIApplication:
    return site(root, django, metrics_token=TOKEN, version="1.2.3")


def read(page: WSGIApplication, **options: Any) -> Answer:
    return ask(page, "/metrics", Authorization=f"Bearer {TOKEN}", **options)


def value(answer: Answer, name: str) -> str:
    found = re.findall(rf"^statuspage_{re.escape(name)} (\S+)$", answer.text, re.MULTILINE)
    return found[0] if found else ""


def test_response_joins_both_parts(root: Path) -> None:
    answer = read(own_site(root))
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    shown = re.findall(r"^# TYPE statuspage_(\w+) ", answer.text, re.MULTILINE)
    assert shown == [one.name for one in definitions.OF_WEB_SERVER]
    assert value(answer, "application_up") == value(answer, "database_up") == value(answer, "pages_up") == "1"
    assert 'build_info{version="1.2.3",python="3.' in answer.text


def test_requests_are_counted_by_class_and_status(root: Path) -> None:
    page = own_site(root, django_stand_in)
    for path in ("/", "/da/", "/da/feed.atom", "/en/feed.json", "/api/v2/status.json", "/badge.svg", "/admin/", "/x"):
        ask(page, path)
    ask(page, "/da/", method="POST")
    ask(page, "/healthz")
    answer = read(page)
    rows = re.findall(
        r'^statuspage_http_requests_total{class="(\w+)",status="(\w+)"} (\d+)$', answer.text, re.MULTILINE
    )
    assert {(kind, status): int(number) for kind, status, number in rows} == {
        ("page", "2xx"): 2,
        ("page", "4xx"): 1,
        ("feed", "2xx"): 2,
        ("published_api", "2xx"): 1,
        ("asset", "2xx"): 1,
        ("admin", "4xx"): 1,
        ("dynamic", "4xx"): 1,
        ("probe", "2xx"): 1,
    }
    assert value(answer, 'http_request_duration_seconds_count{class="page"}') == "3"
    assert value(answer, 'http_request_duration_seconds_bucket{class="page",le="+Inf"}') == "3"


def test_request_that_raises_counts_as_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = own_site(root)
    with monkeypatch.context() as patch:
        patch.setattr("incidents.public_site.dynamic.Dynamic.__call__", lambda *_arguments: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            ask(page, "/x")
    assert value(read(page), 'http_requests_total{class="dynamic",status="5xx"}') == "1"


def failing(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError


def ended(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise ProcessEnded


def broken(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [])
    return [b"<html>"]


@pytest.mark.parametrize("django", [failing, ended, broken])
def test_own_part_is_answered_while_django_is_down(root: Path, django: WSGIApplication) -> None:
    answer = read(own_site(root, django))
    assert (answer.status, value(answer, "application_up"), value(answer, "pages_up")) == (200, "0", "1")
    assert "html" not in answer.text


def test_own_part_is_answered_while_django_is_silent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = Event()
    asked = []

    def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(environ)
        assert released.wait(60)
        return application(environ, start_response)

    monkeypatch.setattr(metrics, "LIMIT", 0.1)
    page = own_site(root, silent)
    try:
        for _scrape in range(3):
            assert value(read(page), "application_up") == "0"
        assert len(asked) == 1
    finally:
        released.set()


def test_missing_home_page_is_told(tmp_path: Path) -> None:
    assert value(read(own_site(tmp_path / "public")), "pages_up") == "0"


@pytest.mark.parametrize("sent", [TOKEN, "", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe6\xf8"])
def test_own_part_requires_the_token(root: Path, sent: str) -> None:
    answer = ask(own_site(root), "/metrics", Authorization=sent)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "statuspage_" not in answer.text


def test_without_a_token_django_is_asked(root: Path) -> None:
    assert ask(site(root), "/metrics").headers["X-From"] == "Django"


def test_metrics_can_only_be_read(root: Path) -> None:
    page = own_site(root)
    assert read(page, method="HEAD").body == b""
    assert read(page, method="POST").status == 405


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/da/", "page"),
        ("/en/incidents/k3j9x2m4p7qa/", "page"),
        ("/da/components/mail/feed.json", "feed"),
        ("/history.rss", "feed"),
        ("/da/maintenance.ics", "feed"),
        ("/en/api/v2/summary.json", "published_api"),
        ("/static/admin/css/base.css", "asset"),
        ("/sitemap.xml", "asset"),
    ],
)
def test_documents_have_classes(path: str, kind: str) -> None:
    assert class_of_document(path) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/admin/login/", "admin"), ("/api/v1/incidents", "api"), ("/da/search/", "dynamic"), ("/readyz", "probe")],
)
def test_other_requests_have_classes(path: str, kind: str) -> None:
    assert class_of_request(path) == kind
