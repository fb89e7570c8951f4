"""Caddy with `deploy/Caddyfile` passes requests on, bounds them, and keeps keys out of its logs."""

import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.caddy import CADDY, Caddy
from harness.ports import free_port
from harness.waiting import wait_for
from incidents import links
from incidents.links import Purpose
from tests.public_site.sites import DOCUMENTS, published, site
from tests.support.wsgi import serving

if not CADDY and os.environ.get("REQUIRE_CADDY") != "1":
    pytest.skip("Caddy is not installed (Debian: apt-get install caddy)", allow_module_level=True)

PATHS = (
    "/da/subscription/confirm/{}/", "/en/subscription/unsubscribe/{}", "/da/subscription/manage/{}/data.json",
    "/da/%73ubscription/manage/{}/", "//da/Subscription/manage/{}/", "/da/search/?q={}",
)  # fmt: skip


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[Caddy]:
    with (
        serving(site(published(tmp_path / "public").root)) as port,
        Caddy(tmp_path / "caddy", application_port=port) as started,
    ):
        yield started


def ask(port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


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


def test_no_key_is_logged_while_the_application_is_down(tmp_path: Path) -> None:
    with Caddy(tmp_path / "caddy", application_port=free_port()) as caddy:
        logged = send_all(caddy)
    assert "connection refused" in logged
    assert "k3j9x2m4p7qa" not in logged


def test_published_pages_are_passed_on(caddy: Caddy) -> None:
    assert ask(caddy.port, "/da/") == (200, DOCUMENTS["/da/"].encode())


def test_too_large_headers_and_forms_are_refused(caddy: Caddy) -> None:
    assert ask(caddy.port, "/da/", Cookie="a" * 60_000)[0] == 431
    # Caddy 2.6 responds with 502 when a body is cut off at max_size, later versions with 413.
    assert ask(caddy.port, "/da/subscribe/", "POST", b"x" * 2_000_000)[0] in {413, 502}
