"""The response of dynamic addresses while Django or a service that it needs is down."""

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

from incidents.public_site import slots as slots_module
from incidents.public_site.application_process import ProcessEnded
from incidents.public_site.slots import Slots
from incidents.public_site.threads import Threads
from statuspage.local.paths import ROOT
from tests.public_site.sites import DOCUMENTS, published, site
from tests.support.wsgi import Answer, ask

CATALOGUES = Path(ROOT, "incidents/locale")


def database_is_down(_request: HttpRequest) -> HttpResponse:
    raise OperationalError("connection refused")


def queue_is_down(_request: HttpRequest) -> HttpResponse:
    raise RedisConnectionError("connection refused")


def responds_with_500(_request: HttpRequest) -> HttpResponse:
    return HttpResponse('{"error": "mine"}', status=500, content_type="application/json")


def works(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method}")


urlpatterns = [
    path("da/subscribe/", database_is_down),
    path("en/subscribe/", queue_is_down),
    path("api/v1/incidents", database_is_down),
    path("api/v1/own", responds_with_500),
    path("works", works),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


@pytest.fixture
def django(settings: Settings, db: None) -> WSGIApplication:
    """Django with the URLs above and without middleware that needs a session."""
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.MIDDLEWARE = ["statuspage.middleware.SecurityHeaders"]
    application: WSGIApplication = get_wsgi_application()
    return application


def assert_unavailable(answer: Answer, language: str) -> None:
    assert answer.status == 503
    assert answer.headers["Retry-After"].isdigit()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == language
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert f'<html lang="{language}">' in answer.text
    assert f'<a href="/{language}/">' in answer.text


@pytest.mark.parametrize(("address", "language"), [("/da/subscribe/", "da"), ("/en/subscribe/", "en")])
def test_fallback_page_links_to_the_published_page(
    root: Path, django: WSGIApplication, address: str, language: str
) -> None:
    page = site(root, django)
    assert_unavailable(ask(page, address, accept_language="sv"), language)
    assert_unavailable(ask(page, address, method="POST"), language)
    assert ask(page, address, method="HEAD").body == b""
    assert ask(page, f"/{language}/").text == DOCUMENTS[f"/{language}/"]


def test_fallback_page_is_in_the_readers_language(root: Path, django: WSGIApplication) -> None:
    english = ask(site(root, django, catalogues=CATALOGUES), "/en/subscribe/").text
    danish = ask(site(root, django, catalogues=CATALOGUES), "/da/subscribe/").text
    assert "Not available right now" in english
    assert "Ikke tilgængelig lige nu" in danish
    assert "Gå til driftsstatus" in danish


def test_fallback_of_search_links_to_the_history(root: Path) -> None:
    answer = ask(site(root, gone, catalogues=CATALOGUES), "/da/search/", query="q=mail")
    assert answer.status == 503
    assert '<a href="/da/history/">Alle hændelser, måned for måned</a>' in answer.text


def test_fallback_without_language_in_the_path_uses_accept_language(root: Path) -> None:
    page = site(root, gone)
    assert_unavailable(ask(page, "/admin/", accept_language="en-GB"), "en")
    assert_unavailable(ask(page, "/admin/"), "da")


def test_api_client_gets_a_problem_document(root: Path, django: WSGIApplication) -> None:
    answer = ask(site(root, django), "/api/v1/incidents", method="POST", accept_language="en")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert json.loads(answer.body)["status"] == 503


def test_error_response_of_a_view_is_not_replaced(root: Path, django: WSGIApplication) -> None:
    answer = ask(site(root, django), "/api/v1/own")
    assert (answer.status, answer.text) == (500, '{"error": "mine"}')
    assert ask(site(root, django), "/works").text == "GET"


def test_developer_sees_the_error_itself(root: Path, django: WSGIApplication) -> None:
    assert ask(site(root, django, show_errors=True), "/da/subscribe/").status == 500


def gone(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise ProcessEnded


def broken(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    raise ImportError("No module named 'what'")


@pytest.mark.parametrize(("django", "reason"), [(gone, "ProcessEnded"), (broken, "No module named 'what'")])
def test_failure_of_django_itself_is_logged(
    root: Path, django: WSGIApplication, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    page = site(root, django)
    assert_unavailable(ask(page, "/da/subscribe/"), "da")
    assert reason in caplog.text
    assert "/da/subscribe/" in caplog.text
    assert ask(page, "/da/").status == 200


def test_requests_to_a_process_that_has_ended_are_one_line_each(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    ask(site(root, gone), "/da/subscribe/")
    assert [record.exc_info for record in caplog.records] == [None]


def stand_in(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]


def test_hanging_requests_leave_threads_for_readers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "STUCK_AFTER", 0.01)
    database_answers = threading.Event()
    waiting = threading.Semaphore(0)

    def hanging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/works":
            return stand_in(environ, start_response)
        waiting.release()
        assert database_answers.wait(30)
        return stand_in(environ, start_response)

    page = site(root, hanging, threads=Threads(32))
    assert ask(page, "/works").status == 200
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/da/subscribe/").status)) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert waiting.acquire(timeout=30)
    for _ in range(3):
        assert_unavailable(ask(page, "/da/subscribe/"), "da")
        assert ask(page, "/da/").status == 200
    database_answers.set()
    for thread in threads:
        thread.join(30)
    assert answers == [200, 200]
    assert ask(page, "/da/subscribe/").status == 200


def test_requests_wait_while_django_is_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked, is_started, give_up = threading.Semaphore(0), threading.Event(), Slots._give_up

    def counted(slots: Slots, granted: threading.Event) -> bool:
        checked.release()
        return give_up(slots, granted)

    def starting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert is_started.wait(30)
        return stand_in(environ, start_response)

    monkeypatch.setattr(slots_module, "STUCK_AFTER", 0.001)
    monkeypatch.setattr(Slots, "_give_up", counted)
    page = site(root, starting, threads=Threads(16))
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/works").status)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert checked.acquire(timeout=30)
    is_started.set()
    for thread in threads:
        thread.join(30)
    assert answers == [200, 200]


def test_requests_wait_during_a_rush_and_are_not_rejected(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "STUCK_AFTER", 30)
    first_is_in, first_may_finish = threading.Event(), threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first_is_in.set()
        assert first_may_finish.wait(30)
        return stand_in(environ, start_response)

    page = site(root, slow, threads=Threads(32))
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/works").status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert first_is_in.wait(30)
    first_may_finish.set()
    for thread in threads:
        thread.join(30)
    assert answers == [200] * 4


@pytest.mark.parametrize("total", range(8, 513))
def test_a_quarter_of_the_threads_is_for_published_pages(total: int) -> None:
    threads = Threads(total)
    of_django = threads.django, threads.waiting, threads.log_ins, threads.waiting_log_ins
    shares = (*of_django, threads.bodies, threads.waiting_bodies)
    assert min(shares) >= 1
    assert sum(shares) <= total * 3 / 4


def test_requests_that_wait_leave_threads_for_readers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "STUCK_AFTER", 30)
    shares, may_finish = Threads(16), threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert may_finish.wait(30)
        return stand_in(environ, start_response)

    networks = iter(range(100))
    page = site(root, slow, threads=shares, network=lambda _environ: str(next(networks)))
    answers: list[int] = []
    number = shares.django + shares.waiting
    threads = [threading.Thread(target=lambda: answers.append(ask(page, "/works").status)) for _ in range(number + 1)]
    for thread in threads:
        thread.start()
    while not answers:
        threading.Event().wait(0.001)
    assert answers == [503]
    assert ask(page, "/da/").status == 200
    may_finish.set()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200] * number + [503]


def test_pages_do_not_wait_for_the_passwords_that_are_checked(root: Path) -> None:
    is_checked, first_is_in = threading.Event(), threading.Event()
    at_a_time, most = threading.Semaphore(1), list[bool]()

    def django(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            most.append(at_a_time.acquire(blocking=False))
            first_is_in.set()
            assert is_checked.wait(30)
            at_a_time.release()
        return stand_in(environ, start_response)

    shares = Threads(128)
    networks = iter(range(100))
    page = site(root, django, threads=shares, log_in_path="/log-in/", network=lambda _environ: str(next(networks)))
    answers: list[int] = []
    number = shares.log_ins + shares.waiting_log_ins

    def log_in() -> None:
        answers.append(ask(page, "/log-in/", method="POST").status)

    threads = [threading.Thread(target=log_in) for _ in range(number + 1)]
    for thread in threads:
        thread.start()
    assert first_is_in.wait(30)
    assert ask(page, "/works").status == 200
    assert ask(page, "/log-in/").status == 200  # the form itself
    while not answers:
        threading.Event().wait(0.001)
    assert answers == [503]
    is_checked.set()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200] * number + [503]
    assert most == [True] * number


def test_one_network_cannot_take_all_places_to_wait_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "STUCK_AFTER", 30)
    slots, answers = Slots(1, max_waiting=8, per_network=2), list[bool]()
    assert slots.acquire("greedy")

    def wait(network: str) -> None:
        answers.append(slots.acquire(network))

    threads = [threading.Thread(target=wait, args=[network]) for network in ("greedy", "greedy", "other")]
    for thread in threads:
        thread.start()
    while len(slots._waiting) < 3:
        threading.Event().wait(0.001)
    assert not slots.acquire("greedy")
    for _ in threads:
        slots.release()
    for thread in threads:
        thread.join(30)
    assert answers == [True] * 3
    slots.release()
    assert slots.acquire("greedy")
    assert slots._networks == {}


def test_requests_get_slots_in_the_order_of_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "STUCK_AFTER", 30)
    slots, entered = Slots(1, 10, 10), list[int]()
    is_in = threading.Semaphore(0)

    def enter(number: int) -> None:
        assert slots.acquire("")
        entered.append(number)
        is_in.release()

    assert slots.acquire("")
    threads = [threading.Thread(target=enter, args=[number]) for number in range(3)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(slots._waiting) < number:
            threading.Event().wait(0.001)
    for thread in threads:
        slots.release()
        assert is_in.acquire(timeout=30)
        thread.join(30)
    assert entered == [0, 1, 2]


def test_long_rush_rejects_nothing_while_slots_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = threading.Semaphore(0)

    def just_released() -> float:
        checked.release()
        return 0.0

    monkeypatch.setattr(slots_module, "STUCK_AFTER", 0.001)
    monkeypatch.setattr(slots_module, "monotonic", just_released)
    slots, answers = Slots(1, 10, 10), list[bool]()
    assert slots.acquire("")
    late = threading.Thread(target=lambda: answers.append(slots.acquire("")))
    late.start()
    for _ in range(5):
        assert checked.acquire(timeout=30)
    slots.release()
    late.join(30)
    assert answers == [True]
