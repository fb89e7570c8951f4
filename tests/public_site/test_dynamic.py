"""What readers get at a dynamic address while Django, or what it needs, is down."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from incidents.public_site import dynamic
from incidents.public_site.dynamic import Places
from statuspage.local.paths import ROOT
from tests.public_site.sites import DOCUMENTS, published, site
from tests.support.wsgi import Answer, ask

CATALOGUES = Path(ROOT, "incidents/locale")


def database_is_down(_request: HttpRequest) -> HttpResponse:
    raise OperationalError("connection refused")


def queue_is_down(_request: HttpRequest) -> HttpResponse:
    raise RedisConnectionError("connection refused")


def says_500_itself(_request: HttpRequest) -> HttpResponse:
    return HttpResponse('{"error": "mine"}', status=500, content_type="application/json")


def works(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method}")


urlpatterns = [
    path("da/subscribe/", database_is_down),
    path("en/subscribe/", queue_is_down),
    path("api/v1/incidents", database_is_down),
    path("api/v1/own", says_500_itself),
    path("works", works),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


@pytest.fixture
def django(settings: Settings, db: None) -> WSGIApplication:
    """Django itself, with the addresses above and without what needs a session."""
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.MIDDLEWARE = ["statuspage.middleware.SecurityHeaders"]
    application: WSGIApplication = get_wsgi_application()
    return application


def assert_says_come_back(answer: Answer, language: str) -> None:
    assert answer.status == 503
    assert answer.headers["Retry-After"].isdigit()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == language
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert f'<html lang="{language}">' in answer.text
    assert f'<a href="/{language}/">' in answer.text


@pytest.mark.parametrize(("address", "language"), [("/da/subscribe/", "da"), ("/en/subscribe/", "en")])
def test_server_that_is_down_gives_a_page_that_links_to_the_published_one(
    root: Path, django: WSGIApplication, address: str, language: str
) -> None:
    page = site(root, django)
    assert_says_come_back(ask(page, address, accept_language="sv"), language)
    assert_says_come_back(ask(page, address, method="POST"), language)
    assert ask(page, address, method="HEAD").body == b""
    assert ask(page, f"/{language}/").text == DOCUMENTS[f"/{language}/"]


def test_page_is_in_danish_where_the_reader_reads_danish(root: Path, django: WSGIApplication) -> None:
    english = ask(site(root, django, catalogues=CATALOGUES), "/en/subscribe/").text
    danish = ask(site(root, django, catalogues=CATALOGUES), "/da/subscribe/").text
    assert "Not available right now" in english
    assert "Ikke tilgængelig lige nu" in danish
    assert "Gå til driftsstatus" in danish


def test_search_that_is_down_leads_to_the_months(root: Path) -> None:
    answer = ask(site(root, load=unloadable, catalogues=CATALOGUES), "/da/search/", query="q=mail")
    assert answer.status == 503
    assert '<a href="/da/history/">Alle hændelser, måned for måned</a>' in answer.text


def test_address_without_a_language_answers_in_the_readers(root: Path) -> None:
    page = site(root, load=unloadable)
    assert_says_come_back(ask(page, "/admin/", accept_language="en-GB"), "en")
    assert_says_come_back(ask(page, "/admin/"), "da")


def test_machine_gets_a_problem_document(root: Path, django: WSGIApplication) -> None:
    answer = ask(site(root, django), "/api/v1/incidents", method="POST", accept_language="en")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert json.loads(answer.body)["status"] == 503


def test_answer_that_a_view_made_itself_is_left_alone(root: Path, django: WSGIApplication) -> None:
    answer = ask(site(root, django), "/api/v1/own")
    assert (answer.status, answer.text) == (500, '{"error": "mine"}')
    assert ask(site(root, django), "/works").text == "GET"


def test_developer_sees_the_error_itself(root: Path, django: WSGIApplication) -> None:
    assert ask(site(root, django, show_errors=True), "/da/subscribe/").status == 500


def unloadable() -> WSGIApplication:
    raise ImportError("No module named 'what'")


def test_django_that_does_not_load_is_logged_and_tried_again(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    attempts = iter([unloadable, lambda: stand_in])

    def load() -> WSGIApplication:
        return next(attempts)()  # type: ignore[no-untyped-call]

    page = site(root, load=load)
    assert_says_come_back(ask(page, "/da/subscribe/"), "da")
    assert "No module named 'what'" in caplog.text
    assert ask(page, "/da/").status == 200
    assert ask(page, "/da/subscribe/").status == 200
    assert ask(page, "/da/subscribe/").status == 200


def stand_in(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]


def test_django_is_loaded_when_it_is_first_needed(root: Path) -> None:
    loaded: list[str] = []

    def load() -> WSGIApplication:
        loaded.append("now")
        return stand_in

    page = site(root, load=load)
    assert ask(page, "/da/").status == 200
    assert loaded == []
    ask(page, "/da/subscribe/")
    ask(page, "/da/subscribe/")
    assert loaded == ["now"]


def test_requests_that_hang_leave_room_for_readers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic, "PATIENCE", 0.01)
    database_answers = threading.Event()
    waiting = threading.Semaphore(0)

    def hanging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        waiting.release()
        assert database_answers.wait(30)
        return stand_in(environ, start_response)

    page = site(root, hanging, places=2)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/da/subscribe/").status)) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert waiting.acquire(timeout=30)
    for _ in range(3):
        assert_says_come_back(ask(page, "/da/subscribe/"), "da")
        assert ask(page, "/da/").status == 200
    database_answers.set()
    for thread in threads:
        thread.join(30)
    assert answers == [200, 200]
    assert ask(page, "/da/subscribe/").status == 200


def test_rush_waits_a_moment_instead_of_being_sent_away(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic, "PATIENCE", 30)
    first_is_in, first_may_go = threading.Event(), threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first_is_in.set()
        assert first_may_go.wait(30)
        return stand_in(environ, start_response)

    page = site(root, slow, places=1)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/works").status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert first_is_in.wait(30)
    first_may_go.set()
    for thread in threads:
        thread.join(30)
    assert answers == [200] * 4


def test_whoever_waits_goes_before_whoever_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic, "PATIENCE", 30)
    places, entered = Places(1), list[int]()
    is_in = threading.Semaphore(0)

    def enter(number: int) -> None:
        assert places.enter()
        entered.append(number)
        is_in.release()

    assert places.enter()
    threads = [threading.Thread(target=enter, args=[number]) for number in range(3)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(places._waiting) < number:
            threading.Event().wait(0.001)
    for thread in threads:
        places.leave()
        assert is_in.acquire(timeout=30)
        thread.join(30)
    assert entered == [0, 1, 2]


def test_rush_that_moves_on_sends_nobody_away_however_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Semaphore(0)

    def somebody_left_just_now() -> float:
        looked.release()
        return 0.0

    monkeypatch.setattr(dynamic, "PATIENCE", 0.001)
    monkeypatch.setattr(dynamic, "monotonic", somebody_left_just_now)
    places, answers = Places(1), list[bool]()
    assert places.enter()
    late = threading.Thread(target=lambda: answers.append(places.enter()))
    late.start()
    for _ in range(5):
        assert looked.acquire(timeout=30)
    places.leave()
    late.join(30)
    assert answers == [True]
