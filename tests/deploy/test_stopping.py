"""The web server, started with its unit's command line, answers forms that are being sent when it is stopped.

With two of them behind nginx, forms are answered at any time.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.environment import queue_url, worker_number
from harness.forms import FormClient
from harness.nginx import NGINX, Nginx
from harness.ports import free_port
from harness.product import own_database
from harness.running_release import RunningRelease, environment
from harness.waiting import wait_for
from statuspage.local.paths import ROOT

BODY = b"address=nobody&language=en"
# The server says “100 Continue” once it reads the form.
HEAD = (
    b"POST /en/subscribe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(BODY)
)
# systemd signals the main process (KillMode=mixed); a terminal or another supervisor may signal all.
SIGNALS: dict[str, Callable[[int], None]] = {
    "main process": lambda pid: os.kill(pid, signal.SIGTERM),
    "all processes": lambda pid: os.killpg(pid, signal.SIGTERM),
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRelease]:
    folder, number = tmp_path_factory.mktemp("stopping"), worker_number()
    places = {"database": own_database(f"stopping_{number}"), "queue": queue_url(31 - number)}
    with RunningRelease(ROOT, folder, environment(folder, **places, mail_port=1)) as running:
        running.manage("migrate")
        yield running


@pytest.fixture
def nginx(release: RunningRelease, tmp_path: Path) -> Iterator[Nginx]:
    """It knows two web servers, of which one is not running."""
    if not NGINX:
        (pytest.fail if os.environ.get("REQUIRE_NGINX") == "1" else pytest.skip)("nginx is not installed")
    proxy = Nginx(tmp_path / "nginx", public_root=tmp_path, var=tmp_path, application_port=release.port)
    written = proxy.folder / "statuspage.conf"
    running = f"server 127.0.0.1:{release.port};"
    text = written.read_text(encoding="utf-8")
    written.write_text(text.replace(running, f"server 127.0.0.1:{free_port()};\n{running}"), encoding="utf-8")
    with proxy:
        yield proxy


def received(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


@pytest.mark.parametrize("stop", SIGNALS.values(), ids=SIGNALS)
def test_form_that_is_being_sent_is_answered(release: RunningRelease, stop: Callable[[int], None]) -> None:
    release.start("web")
    web = release.processes["web"]
    with socket.create_connection(("127.0.0.1", release.port), timeout=60) as connection:
        connection.sendall(HEAD)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY[:10])
        stop(web.pid)
        wait_for(lambda: not listens(release.port))
        connection.sendall(BODY[10:])
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 422 "), answer[:200]
    assert b"nobody" in answer
    assert web.wait(60) == 0


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_with_two_web_servers_forms_are_answered_while_one_restarts(release: RunningRelease, nginx: Nginx) -> None:
    release.start("web")
    client = FormClient(lambda: [nginx.url])
    for _time in range(4):
        assert client.send("/en/subscribe/", "address", address="nobody").status == 422
    release.stop("web")
