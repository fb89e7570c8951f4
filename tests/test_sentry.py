"""With SENTRY_DSN, errors of the log are reported to a server that speaks Sentry's protocol, without personal data."""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import brotli
import pytest
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ConnectionError as QueueUnreachable

from incidents import log_context
from statuspage import __version__
from statuspage.env import Environment
from statuspage.sentry import read_dsn
from statuspage.sentry_handler import SentryHandler


class Receiver(ThreadingHTTPServer):
    """Keeps the events that it receives."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.events: list[dict[str, Any]] = []

    def keep(self, body: bytes) -> None:
        # An envelope: a line of headers, then a line of headers and one of content for each item.
        lines = body.decode().splitlines()
        self.events += [json.loads(content) for content in lines[2::2]]


class _Request(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Receiver)
        self.server.keep(brotli.decompress(body))  # as the client prefers
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def logger(receiver: Receiver) -> Iterator[logging.Logger]:
    handler = SentryHandler(f"http://key@127.0.0.1:{receiver.server_port}/1")
    found = logging.getLogger("reported")
    found.addHandler(handler)
    yield found
    found.removeHandler(handler)
    handler._client.close()


def flush(logger: logging.Logger) -> None:
    (handler,) = logger.handlers
    assert isinstance(handler, SentryHandler)
    handler._client.flush(60)


def fail(address: str) -> None:
    raise ValueError(f"{address} is refused at /da/subscription/manage/secret-key/")


def log_failure(logger: logging.Logger) -> None:
    try:
        fail("anna@example.dk")
    except ValueError:
        logger.exception("Delivery to %s failed", "anna@example.dk", extra={"request": "GET /da/search/?q=anna"})


def test_error_is_reported_with_traceback_version_and_ids(receiver: Receiver, logger: logging.Logger) -> None:
    with log_context.in_job("job-1"):
        log_failure(logger)
    flush(logger)
    (event,) = receiver.events
    assert event["logentry"]["formatted"] == "Delivery to …@example.dk failed"
    assert event["release"] == __version__
    assert event["tags"] == {"job_id": "job-1"}
    (error,) = event["exception"]["values"]
    assert error["value"] == "…@example.dk is refused at /da/subscription/manage/…/"
    assert [frame["function"] for frame in error["stacktrace"]["frames"]] == ["log_failure", "fail"]


def test_report_has_no_personal_data(receiver: Receiver, logger: logging.Logger) -> None:
    log_failure(logger)
    flush(logger)
    (event,) = receiver.events
    assert not {"request", "user", "server_name", "breadcrumbs"} & {name for name, value in event.items() if value}
    assert socket.gethostname() not in {event.get("server_name"), *map(str, event.get("tags", {}).values())}
    assert all("vars" not in frame for frame in event["exception"]["values"][0]["stacktrace"]["frames"])


def test_outages_and_lines_below_error_are_not_reported(receiver: Receiver, logger: logging.Logger) -> None:
    logger.error("The queue fails", exc_info=QueueUnreachable("refused"))
    logger.warning("Slow")
    logger.error("Something else")
    flush(logger)
    assert [event["logentry"]["formatted"] for event in receiver.events] == ["Something else"]


def test_report_of_a_forked_job_is_sent_before_it_ends(receiver: Receiver, logger: logging.Logger) -> None:
    if (child := os.fork()) == 0:
        with suppress(BaseException):
            logger.error("In a job")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert [event["logentry"]["formatted"] for event in receiver.events] == ["In a job"]


def test_server_that_does_not_answer_disturbs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    handler = SentryHandler("http://key@127.0.0.1:1/1")
    handler.handle(logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), None))
    handler._client.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "value", ["sentry.example.com", "https://sentry.example.com/1", "https://key@sentry.example.com/"]
)
def test_wrong_address_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"https://key@sentry\.example\.com/1"):
        read_dsn(Environment({"SENTRY_DSN": value}))


def test_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ImproperlyConfigured, match="install sentry-sdk"):
        read_dsn(Environment({"SENTRY_DSN": "https://key@sentry.example.com/1"}))
    assert read_dsn(Environment({})) == ""
