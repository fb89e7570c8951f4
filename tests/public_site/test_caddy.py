"""Caddy with `deploy/Caddyfile` passes requests on, bounds them, and keeps keys out of its logs."""

import http.client
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from harness.caddy import CADDY, CONFIGURATION, Caddy
from harness.ports import free_port
from harness.waiting import wait_for
from incidents import links
from incidents.links import Purpose
from incidents.public_site import bodies
from tests.public_site.sites import DOCUMENTS, django_stand_in, published, site
from tests.support.wsgi import serving

if not CADDY and os.environ.get("REQUIRE_CADDY") != "1":
    pytest.skip("Caddy is not installed (Debian: apt-get install caddy)", allow_module_level=True)

PATHS = (
    "/da/subscription/confirm/{}/", "/en/subscription/unsubscribe/{}", "/da/subscription/manage/{}/data.json",
    "/da/%73ubscription/manage/{}/", "//da/Subscription/manage/{}/", "/da/search/?q={}",
    "/en/subscription;a/{}/", "/en/subscription\\{}", "/en/Subscription/../{}/", "/en/subscription/{}/subscription/y",
    "/en/mysubscription{}/", "/en/subscription%2F{}/",
)  # fmt: skip

SAME_BY_QUERY = (
    "ETag", "Last-Modified", "Cache-Control", "Content-Type", "Content-Language", "Access-Control-Allow-Origin", "Vary",
)  # fmt: skip


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[Caddy]:
    with (
        serving(site(published(tmp_path / "public").root)) as port,
        Caddy(tmp_path / "caddy", application_port=port) as started,
    ):
        yield started


@contextmanager
def recording() -> Iterator[tuple[list[WSGIEnvironment], int]]:
    """Serve an application that keeps the environ of each request."""
    seen: list[WSGIEnvironment] = []

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        return django_stand_in(environ, start_response)

    with serving(application) as port:
        yield seen, port


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return Answer(answer.status, answer.headers, content)


def send_all(caddy: Caddy) -> str:
    """Send every kind of token, also in a form that breaks off; return the logs."""
    tokens = [links.sign(purpose, "k3j9x2m4p7qa") for purpose in Purpose]
    for address in (path.format(token) for token in tokens for path in PATHS):
        ask(caddy.port, address, Referer=f"https://status.example.dk{address}")
        with socket.create_connection(("127.0.0.1", caddy.port), timeout=30) as connection:
            connection.sendall(f"POST {address} HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nemail=".encode())
    wait_for(lambda: caddy.access_log.read_text().count('"method":"GET"') == len(tokens) * len(PATHS))
    return caddy.access_log.read_text() + caddy.error_log.read_text()


def test_no_key_is_in_a_log_of_caddy(caddy: Caddy) -> None:
    logged = send_all(caddy)
    assert "k3j9x2m4p7qa" not in logged
    assert '"uri":"/da/***"' in logged


@pytest.mark.parametrize("name", ["For", "Proto"])
@pytest.mark.parametrize("spelling", ["X-Forwarded-{}", "X_Forwarded_{}", "X-Forwarded_{}", "X_Forwarded-{}"])
@pytest.mark.parametrize("change", [str.title, str.lower, str.upper])
def test_client_cannot_choose_its_address_or_scheme(
    tmp_path: Path, name: str, spelling: str, change: Callable[[str], str]
) -> None:
    headers = {change(spelling.format(name)): "forged", change("Forwarded"): "for=forged;proto=forged"}
    with recording() as (seen, port), Caddy(tmp_path / "caddy", application_port=port) as caddy:
        ask(caddy.port, "/da/", "GET", None, **headers)
    (environ,) = seen
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["HTTP_X_FORWARDED_PROTO"]) == ("127.0.0.1", "http")
    assert "HTTP_FORWARDED" not in environ
    assert "forged" not in str({name: value for name, value in environ.items() if name.startswith("HTTP_")})


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 40\r\n\r\nemail=",
        b"Content-Length: 40\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nemail=\r\n",
    ],
)
def test_form_that_does_not_arrive_in_time_is_not_confirmed(tmp_path: Path, sent: bytes) -> None:
    """The response must not be an empty 200, which Caddy sends if it still may write when reading has timed out."""
    timeouts = {"read_header": "400ms", "write": "600ms", "read_body": "1100ms"}
    with (
        recording() as (seen, port),
        Caddy(tmp_path / "caddy", application_port=port, timeouts=timeouts) as caddy,
        socket.create_connection(("127.0.0.1", caddy.port), timeout=30) as connection,
    ):
        connection.sendall(b"POST /da/subscribe/ HTTP/1.1\r\nHost: 127.0.0.1\r\n" + sent)
        assert connection.recv(1000) == b""
    assert seen == []


def test_timeout_for_bodies_is_longer_than_the_one_for_responses_and_headers() -> None:
    seconds = {name: int(value) for name, value in re.findall(r"(?m)^\s+(\w+) (\d+)s$", CONFIGURATION.read_text())}
    assert seconds["read_body"] > seconds["write"] + seconds["read_header"]
    assert seconds["write"] >= 60


def test_limit_of_bodies_is_that_of_the_application() -> None:
    limits = re.findall(r"(?:max_size|max_buffer_size) (\S+)", CONFIGURATION.read_text())
    assert (limits, bodies.MAX_BODY) == (["1MiB", "1MiB"], 1024**2)


def test_no_key_is_logged_while_the_application_is_down(tmp_path: Path) -> None:
    with Caddy(tmp_path / "caddy", application_port=free_port()) as caddy:
        logged = send_all(caddy)
    assert "connection refused" in logged
    assert "k3j9x2m4p7qa" not in logged


def test_published_pages_are_passed_on(caddy: Caddy) -> None:
    answer = ask(caddy.port, "/da/")
    assert (answer.status, answer.body) == (200, DOCUMENTS["/da/"].encode())


def test_scripts_of_other_origins_may_send_headers(caddy: Caddy) -> None:
    answer = ask(caddy.port, "/api/v2/status.json", "OPTIONS", Origin="https://a.example")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert ask(caddy.port, "/da/", "OPTIONS", Origin="https://a.example").status == 405


def test_read_api_has_the_language_of_the_query(caddy: Caddy) -> None:
    for query, path in (
        ("lang=en", "/en/api/v2/status.json"),
        ("lang=da", "/da/api/v2/status.json"),
        ("lang=de", "/api/v2/status.json"),
    ):
        by_query, by_path = ask(caddy.port, f"/api/v2/status.json?{query}"), ask(caddy.port, path)
        assert (by_query.status, by_query.body) == (200, DOCUMENTS[path].encode())
        assert [by_query.headers[name] for name in SAME_BY_QUERY] == [by_path.headers[name] for name in SAME_BY_QUERY]
        etag = by_query.headers["ETag"]
        assert ask(caddy.port, f"/api/v2/status.json?{query}", "GET", None, **{"If-None-Match": etag}).status == 304


def test_too_large_headers_and_forms_are_refused(caddy: Caddy) -> None:
    assert ask(caddy.port, "/da/", Cookie="a" * 60_000).status == 431
    # Caddy 2.6 responds with 502 when a body is cut off at max_size, later versions with 413.
    assert ask(caddy.port, "/da/subscribe/", "POST", b"x" * 2_000_000).status in {413, 502}
