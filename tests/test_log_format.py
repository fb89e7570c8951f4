"""JSON lines, the ids of request and job, and outages as one line a minute."""

import io
import json
import logging
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import psycopg
import pytest
import time_machine
from django.db import OperationalError, ProgrammingError
from pytest_django import Settings
from redis.exceptions import ConnectionError as QueueConnectionError

from incidents import log_context, outages, scheduler
from incidents.notifications import queues
from incidents.notifications.sender.queued_job import QueuedJob
from incidents.public_site.dynamic import logger as web_logger
from incidents.subscriptions.origin import is_from_proxy
from statuspage.logs import JsonFormatter, OutageFilter, RedactingFormatter
from tests.public_site.sites import published, site
from tests.support.wsgi import ask


def record(message: str, *arguments: object, error: BaseException | None = None, **more: Any) -> logging.LogRecord:
    exception = (type(error), error, None) if error else None
    found = logging.LogRecord("some.logger", logging.ERROR, "", 0, message, arguments, exception)
    found.__dict__.update(more)
    return found


def lost_connection() -> OperationalError:
    error = OperationalError("connection to server at 10.0.0.7 failed\nIs it running?")
    error.__cause__ = psycopg.OperationalError()
    return error


def parsed(one: logging.LogRecord) -> dict[str, str]:
    line = JsonFormatter().format(one)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


@pytest.fixture(autouse=True)
def no_earlier_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_logged_at", {})
    monkeypatch.setattr(outages, "_left_out", {})


# -- JSON ------------------------------------------------------------------------------------


def test_json_line_has_time_level_logger_and_message() -> None:
    with time_machine.travel("2026-11-27T05:10:00.5Z", tick=False):
        found = parsed(record("Blåbær %s", "på\nis"))
    assert found == {
        "time": "2026-11-27T05:10:00.500+00:00",
        "level": "ERROR",
        "logger": "some.logger",
        "message": "Blåbær på\nis",
    }


def test_json_line_has_the_exception_as_one_redacted_string() -> None:
    found = parsed(record("failed for %s", "anna@example.dk", error=ValueError("anna@example.dk")))
    assert found["message"] == "failed for …@example.dk"
    assert found["exception"] == "ValueError: …@example.dk"


def test_lines_name_request_and_job() -> None:
    with log_context.in_request("request-1"), log_context.in_job("job-1"):
        found = parsed(record("x"))
        text = RedactingFormatter("%(name)s%(ids)s: %(message)s").format(record("x"))
    assert (found["request_id"], found["job_id"]) == ("request-1", "job-1")
    assert text == "some.logger request_id=request-1 job_id=job-1: x"
    assert RedactingFormatter("%(name)s%(ids)s: %(message)s").format(record("x")) == "some.logger: x"


# -- Ids of requests ----------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path, settings: Settings) -> Any:
    settings.TRUSTED_PROXIES, settings.TRUST_UNIX_SOCKET = [], True

    def django(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ[log_context.REQUEST_ID]} {log_context.request_id()}".encode()]

    return site(published(tmp_path / "public").root, django, is_from_proxy=is_from_proxy)


def test_dynamic_response_has_the_id_of_its_request(page: Any) -> None:
    first, second = ask(page, "/admin/"), ask(page, "/admin/")
    assert first.text == f"{first.headers['X-Request-Id']} {first.headers['X-Request-Id']}"
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert "X-Request-Id" not in ask(page, "/da/").headers


def test_id_of_a_trusted_proxy_counts(page: Any) -> None:
    assert ask(page, "/admin/", X_Request_Id="proxy-4711").headers["X-Request-Id"] == "proxy-4711"


@pytest.mark.parametrize("odd", ["short", "x" * 65, "semi;colon;", "new\nline9", "æøåæøåæøå", "anna@example.dk"])
def test_odd_id_of_a_proxy_is_replaced(odd: str) -> None:
    assert not log_context.is_acceptable(odd)


def test_id_of_a_stranger_is_ignored(page: Any, settings: Settings) -> None:
    settings.TRUST_UNIX_SOCKET = False
    assert ask(page, "/admin/", X_Request_Id="stranger-4711").headers["X-Request-Id"] != "stranger-4711"


# -- Ids of jobs ------------------------------------------------------------------------------


def enqueued(request: str) -> QueuedJob:
    """A job as a worker reads it that a request with this id has enqueued."""
    queue = queues.queue(queues.POSTS)
    queue.empty()  # type: ignore[no-untyped-call]
    with log_context.in_request(request):
        assert queues.enqueue_posts()
    (identity,) = queue.get_job_ids()
    job = QueuedJob.fetch(identity, connection=queue.connection, serializer=queue.serializer)
    assert isinstance(job, QueuedJob)
    return job


def test_job_knows_the_request_that_enqueued_it() -> None:
    assert enqueued("request-4711").request_id == "request-4711"
    assert enqueued("").request_id == ""


@pytest.mark.parametrize(
    "meta", [b'{"request_id": "a;b"}', b'{"request_id": 7}', b"[]", b"\xff", b'"%s"' % (b"x" * 300)]
)
def test_other_meta_in_the_queue_is_ignored(meta: bytes) -> None:
    job = enqueued("")
    job.connection.hset(job.key, "meta", meta)
    job.refresh()
    assert (job.request_id, job.meta) == ("", {})


def test_all_threads_of_a_job_name_it() -> None:
    found: list[dict[str, str]] = []
    with log_context.in_process_of_job("job-4711", "request-4711"):
        thread = threading.Thread(target=lambda: found.append(log_context.fields()))
        thread.start()
        thread.join()
    assert found == [{"request_id": "request-4711", "job_id": "job-4711"}]
    assert log_context.fields() == {}


# -- Outages ---------------------------------------------------------------------------------------


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [100.0]
    monkeypatch.setattr(outages, "_logged_at", {})  # other tests have outages, too
    monkeypatch.setattr(outages, "_left_out", {})
    monkeypatch.setattr(outages, "monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Everything that the console would show."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(OutageFilter())
    handler.setFormatter(RedactingFormatter())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    return stream


def test_chores_without_database_log_one_line_a_minute_and_one_at_the_end(
    now: list[float], console: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [lost_connection()]
    monkeypatch.setattr(scheduler, "close_old_connections", lambda: None)

    def chore() -> None:
        if errors:
            raise errors[0]

    todo = [scheduler.Chore(chore, timedelta(0)) for _ in range(3)]
    for second in range(90):
        now[0] = 100.0 + second
        scheduler.run_due(todo, now[0])
    line = "chore failed: OperationalError: connection to server at 10.0.0.7 failed"
    assert console.getvalue().splitlines() == [line, line]
    errors.clear()
    scheduler.run_due(todo, now[0])
    scheduler.run_due(todo, now[0])
    (last,) = console.getvalue().splitlines()[2:]
    assert last == "Works again: database; 268 lines about it were left out."


def test_chore_that_fails_logs_its_traceback_once_a_minute(
    now: list[float], console: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "close_old_connections", lambda: None)

    def chore() -> None:
        raise KeyError("x")

    for _ in range(5):
        scheduler.run_due([scheduler.Chore(chore, timedelta(0))], now[0])
    assert console.getvalue().count("Traceback") == 1


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (record("x", error=lost_connection()), "database"),
        (record("x", error=QueueConnectionError("refused")), "queue"),
        (record("x", outage="queue"), "queue"),
        (record("x", error=ProgrammingError("no such table")), ""),
        (record("x", error=ValueError()), ""),
        (record("x"), ""),
    ],
)
def test_only_an_outage_is_reduced(one: logging.LogRecord, what: str, now: list[float]) -> None:
    assert OutageFilter().filter(one)
    assert OutageFilter().filter(one) is not bool(what)


def test_deadlock_is_no_outage() -> None:
    error = OperationalError("deadlock detected")
    error.__cause__ = psycopg.errors.DeadlockDetected()
    assert outages.of(error) == ""
    error.__cause__ = psycopg.errors.AdminShutdown()
    assert outages.of(error) == "database"


def test_workers_of_rq_without_queue_log_one_line_a_minute(now: list[float], console: io.StringIO) -> None:
    for seconds in (1, 2, 4):
        message = "Worker %s: could not connect to Redis instance: %s retrying in %d seconds..."
        logging.getLogger("rq.worker").error(message, "w", "refused", seconds)
    assert len(console.getvalue().splitlines()) == 1


def test_requests_without_djangos_process_log_one_line_a_minute(now: list[float], console: io.StringIO) -> None:
    for _ in range(3):
        web_logger.error("Django did not answer", extra={"outage": "Django's process"})
    assert len(console.getvalue().splitlines()) == 1
