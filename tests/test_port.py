"""Two servers on one port are refused."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.ports import free_port
from harness.waiting import PATIENCE, wait_for
from statuspage.local.__main__ import is_up
from statuspage.local.paths import ROOT
from statuspage.local.web_server import granian
from statuspage.port import identify, refuse_shared_port, shared_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="this system has no /proc/net")


class Sockets(ExitStack):
    """Sockets that may share their ports, as granian opens them."""

    def bound(self, address: str, port: int = 0) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        one = self.enter_context(socket.socket(family))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        return one

    def listening(self, address: str, port: int) -> socket.socket:
        one = self.bound(address, port)
        one.listen()
        return one


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with Sockets() as opened:
        yield opened


@pytest.mark.parametrize(("address", "other"), [("127.0.0.1",) * 2, ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1")])
def test_port_on_which_another_server_listens_is_shared(sockets: Sockets, address: str, other: str) -> None:
    own = sockets.bound(address)
    port = own.getsockname()[1]
    assert shared_port([identify(own)]) is None
    sockets.listening(other, port)
    assert shared_port([identify(own)]) == port


def test_addresses_of_ipv6_are_understood(sockets: Sockets) -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    own = sockets.bound("::1")
    port = own.getsockname()[1]
    sockets.listening("::1", port)
    assert shared_port([identify(own)]) == port


def test_another_address_or_port_is_not_shared(sockets: Sockets) -> None:
    own = sockets.bound("127.0.0.1")
    port = own.getsockname()[1]
    sockets.listening("127.0.0.2", port)
    sockets.listening("127.0.0.1", 0)
    assert shared_port([identify(own)]) is None


def test_second_worker_of_the_same_server_is_not_refused(sockets: Sockets) -> None:
    own = sockets.listening("127.0.0.1", 0)
    assert shared_port([identify(own)]) is None
    refuse_shared_port(patience=0)


def test_second_granian_on_the_port_ends_and_says_why(tmp_path: Path) -> None:
    port = free_port()
    command = granian(port=str(port), threads=8)
    environment = {**os.environ, "WEB_THREADS": "8", "VAR_DIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as first:
        try:
            wait_for(lambda: is_up(f"http://127.0.0.1:{port}/healthz"))
            second = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            assert second.returncode != 0
            assert f"Port {port} is served by another process already." in second.stdout + second.stderr
            assert is_up(f"http://127.0.0.1:{port}/healthz")
        finally:
            first.send_signal(signal.SIGTERM)
