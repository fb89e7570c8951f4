"""nginx with `deploy/nginx.conf`: keys stay out of its logs, and one client's connections do not reach another."""

import http.client
import os
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.nginx import NGINX, Nginx
from harness.ports import free_port
from harness.waiting import wait_for
from incidents import links
from incidents.links import Purpose
from tests.public_site.sites import published, site
from tests.support.wsgi import serving

if not NGINX and os.environ.get("REQUIRE_NGINX") != "1":
    pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)", allow_module_level=True)

CONNECTIONS = 1500
PATHS = (
    "/da/subscription/confirm/{}/", "/da/subscription/connect/{}/", "/en/subscription/unsubscribe/{}",
    "/en/subscription/unsubscribe/{}/incident/", "/da/subscription/again/{}/webhook/", "/da/subscription/link/{}/",
    "/da/subscription/manage/{}/data.json", "/da/%73ubscription/manage/{}/", "//da/subscription/manage/{}/",
    "/da/search/?q={}", "/da/subscribe/?stamp={}", "/da/Subscription/manage/{}/", "/en/subscription;a/{}/",
    "/en/subscription\\{}", "/en/subscription/../{}/", "/en/subscription/{}/subscription/y", "/en/mysubscription{}/",
    "/en/subscription%2F{}/", "/en/%0A/subscription/{}/",
)  # fmt: skip


@pytest.fixture(params=["up", "down"])
def nginx(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nginx]:
    tmp_path.chmod(0o755)
    root = published(tmp_path / "public").root
    if request.param == "down":
        with Nginx(tmp_path / "nginx", public_root=root, var=tmp_path, application_port=free_port()) as started:
            yield started
    else:
        with (
            serving(site(root)) as port,
            Nginx(tmp_path / "nginx", public_root=root, var=tmp_path, application_port=port) as started,
        ):
            yield started


def status(port: int, path: str, source: str = "127.0.0.1", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def break_off(port: int, path: str) -> None:
    """Send a part of a form and close the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\nemail=".encode())


def test_no_key_is_in_a_log_of_nginx(nginx: Nginx) -> None:
    tokens = [links.sign(purpose, "k3j9x2m4p7qa") for purpose in Purpose]
    for token in tokens:
        for path in PATHS:
            address = path.format(token)
            status(nginx.port, address, Referer=f"https://status.example.dk{address}")
            break_off(nginx.port, address)
    status(nginx.port, "/da/?last")
    requests = len(tokens) * len(PATHS) * 2 + 1
    wait_for(lambda: len(nginx.access_log.read_text().splitlines()) >= requests)
    logged = nginx.access_log.read_text() + nginx.error_log.read_text()
    assert '"GET /da/subscription***' in logged
    assert [token for token in tokens if token in logged or token.rpartition("~")[2] in logged] == []
    assert not re.search(r"k3j9x2m4p7qa", logged)


def hold(port: int, path: str, number: int, source: str = "127.0.0.1") -> list[socket.socket]:
    """Begin this number of forms, which then wait for the rest of their bodies."""
    address = (source, 0)
    connections = [socket.create_connection(("127.0.0.1", port), 30, source_address=address) for _ in range(number)]
    for connection in connections:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\nemail=".encode())
    return connections


@pytest.mark.parametrize("path", ["/da/subscribe/", "/da/subscription/manage/k3j9x2m4p7qa/"])
def test_one_client_cannot_take_all_threads_of_the_application(nginx: Nginx, path: str) -> None:
    answers = {404, 503}  # of the stand-in for Django, and of nginx while it is down
    held = hold(nginx.port, path, 17)

    def is_full_with_one_more() -> bool:
        held.extend(hold(nginx.port, path, 1))
        return status(nginx.port, path) == 429

    try:
        # nginx counts a request for a moment after its answer was read: up to three count beside the 17 here,
        # and below some of those that are to be held may be refused.
        assert {status(nginx.port, path) for _ in range(3)} <= answers
        wait_for(is_full_with_one_more)
        assert len(held) < 60  # not the limit of 100 for all requests
        assert status(nginx.port, "/en/subscription/../k3j9x2m4p7qa/") == 429
        assert [status(nginx.port, published) for published in ("/da/", "/en/feed.json", "/")] == [200] * 3
        assert status(nginx.port, path, source="127.0.0.2") in answers
    finally:
        for connection in held:
            connection.close()
    wait_for(lambda: status(nginx.port, path) in answers)
    assert "k3j9x2m4p7qa" not in nginx.access_log.read_text() + nginx.error_log.read_text()


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * CONNECTIONS:
        pytest.skip("too few file descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * CONNECTIONS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("sent", [b"", b"GET /da/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20])
def test_idle_and_unread_connections_of_one_client_do_not_reach_another(nginx: Nginx, sent: bytes) -> None:
    connections = [socket.create_connection(("127.0.0.1", nginx.port), timeout=30) for _ in range(CONNECTIONS)]
    try:
        for connection in connections:
            connection.sendall(sent)
        assert [status(nginx.port, path, source="127.0.0.2") for path in ("/da/", "/en/", "/")] == [200] * 3
    finally:
        for connection in connections:
            connection.close()
