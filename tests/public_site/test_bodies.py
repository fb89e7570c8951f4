"""Bodies are read before a request takes one of Django's threads; sockets stand in for granian's input."""

import threading
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from incidents.public_site import bodies, slots
from incidents.public_site.app import PublicSite
from incidents.public_site.limits import MAX_HEADER, MAX_TARGET
from incidents.public_site.threads import Threads
from incidents.subscriptions.origin import network_of
from statuspage.local.paths import ROOT
from tests.public_site.sites import published, site

CATALOGUES = Path(ROOT, "incidents/locale")
WAIT = 30


def django(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['CONTENT_LENGTH']} {len(body)}".encode()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


class Input:
    """Octets of a body. `wait` is called before each read."""

    def __init__(self, content: bytes, wait: Any = lambda: None) -> None:
        self._content, self._wait = BytesIO(content), wait

    def read(self, size: int) -> bytes:
        self._wait()
        return self._content.read(size)


def post(page: PublicSite, content: Any, length: object, path: str = "/da/subscribe/", **more: str) -> tuple[int, str]:
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "REMOTE_ADDR": "192.0.2.1", **more}
    environ |= {"wsgi.input": content if hasattr(content, "read") else Input(content)}
    environ |= {} if length is None else {"CONTENT_LENGTH": str(length)}
    statuses: list[str] = []
    body = b"".join(page(environ, lambda status, _headers, _error=None: statuses.append(status)))  # type: ignore[arg-type]
    return int(statuses[0][:3]), body.decode()


@pytest.mark.parametrize("size", [0, 1, 500, 4096, 4097, 100_000, bodies.MAX_BODY])
def test_django_gets_the_whole_body(root: Path, size: int) -> None:
    page = site(root, django)
    assert post(page, b"x" * size, size) == (200, f"{size} {size}")
    assert post(page, b"x" * size, None, HTTP_TRANSFER_ENCODING="chunked") == (200, f"{size} {size}")


@pytest.mark.parametrize("length", [bodies.MAX_BODY + 1, None, "9" * 5000])
def test_too_large_body_is_refused(root: Path, length: object) -> None:
    page = site(root, django, catalogues=CATALOGUES)
    status, text = post(page, b"x" * (bodies.MAX_BODY + 1), length, HTTP_TRANSFER_ENCODING="chunked")
    assert status == 413
    assert "Formularen er for stor" in text


def test_body_that_breaks_off_does_not_reach_django(root: Path) -> None:
    assert post(site(root, django), b"email=a@exa", 40)[0] == 408


@pytest.mark.parametrize("seconds_per_octet", [0.02, 1, 20])
def test_trickled_body_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, seconds_per_octet: float) -> None:
    now = [100.0]
    monkeypatch.setattr(bodies, "monotonic", lambda: now[0])

    def wait() -> None:
        now[0] += seconds_per_octet

    page = site(root, django, catalogues=CATALOGUES)
    status, text = post(page, Input(b"x" * 10_000, wait), 10_000)
    assert status == 408
    assert "Formularen nåede ikke frem i tide" in text
    assert now[0] <= 100 + max(bodies.GRACE, seconds_per_octet) + 2 * seconds_per_octet


def test_body_in_packets_of_a_slow_phone_is_accepted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, now = BytesIO(b"x" * 6000), [100.0]
    monkeypatch.setattr(bodies, "monotonic", lambda: now[0])

    class Packets:
        def read(self, size: int) -> bytes:
            before = content.tell() // 1000
            part = content.read(size)
            now[0] += content.tell() // 1000 - before  # a packet of 1,000 octets per second
            return part

    assert post(site(root, django), Packets(), 6000)[0] == 200
    assert now[0] == 106


class Silent:
    """The body of a client that sends nothing until it is released."""

    def __init__(self) -> None:
        self.is_read, self.released = threading.Event(), threading.Event()

    def read(self, _size: int) -> bytes:
        self.is_read.set()
        assert self.released.wait(WAIT)
        return b""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "STUCK_AFTER", 0.01)


@pytest.mark.usefixtures("impatient")
def test_silent_bodies_take_no_thread_of_django_and_not_the_places_of_others(root: Path) -> None:
    page = site(root, django, threads=Threads(128), network=network_of)
    silent = [Silent() for _ in range(2)]
    threads = [threading.Thread(target=post, args=(page, one, 40)) for one in silent]
    for thread, one in zip(threads, silent, strict=True):
        thread.start()
        assert one.is_read.wait(WAIT)
    assert post(page, b"x", 1)[0] == 503
    assert post(page, b"x", 1, REMOTE_ADDR="192.0.2.99")[0] == 503, "the same network"
    assert post(page, b"x", 1, REMOTE_ADDR="198.51.100.1")[0] == 200
    assert post(page, b"", 0, REQUEST_METHOD="GET")[0] == 200
    assert post(page, b"", 0, path="/da/", REQUEST_METHOD="GET")[0] == 200
    for thread, one in zip(threads, silent, strict=True):
        one.released.set()
        thread.join(WAIT)
    assert post(page, b"x", 1)[0] == 200


@pytest.mark.usefixtures("impatient")
def test_bodies_of_many_networks_leave_threads_for_everything_else(root: Path) -> None:
    page = site(root, django, threads=Threads(32))
    silent = [Silent() for _ in range(2)]
    threads = [
        threading.Thread(target=post, args=(page, one, 40), kwargs={"REMOTE_ADDR": f"2001:db8:{number}::1"})
        for number, one in enumerate(silent)
    ]
    for thread, one in zip(threads, silent, strict=True):
        thread.start()
        assert one.is_read.wait(WAIT)
    assert post(page, b"x", 1)[0] == 503
    assert post(page, b"", 0, REQUEST_METHOD="GET")[0] == 200
    for thread, one in zip(threads, silent, strict=True):
        one.released.set()
        thread.join(WAIT)


def test_body_of_a_get_is_not_read(root: Path) -> None:
    assert post(site(root, django), Silent(), 40, REQUEST_METHOD="GET") == (200, "0 0")


@pytest.mark.parametrize(
    ("status", "changed"),
    [
        (414, {"QUERY_STRING": "q=" + "x" * MAX_TARGET}),
        (414, {"path": "/da/subscribe/" + "x" * MAX_TARGET}),
        (431, {"HTTP_COOKIE": "a" * (MAX_HEADER + 1)}),
        (431, {"HTTP_ACCEPT_LANGUAGE": "a-" * MAX_HEADER}),
        (431, {f"HTTP_X_{number}": "a" * MAX_HEADER for number in range(5)}),
        (431, {"CONTENT_TYPE": "multipart/form-data; " + "a=b;" * 200}),
        (400, {"path": "/da/subscribe/\x00/"}),
        (400, {"path": "/da/subscribe/\r\n/"}),
        (200, {"QUERY_STRING": "q=" + "x" * 7000, "HTTP_COOKIE": "a" * 7000}),
    ],
)
def test_request_is_bounded_before_django_reads_it(root: Path, status: int, changed: dict[str, str]) -> None:
    answer, text = post(site(root, django, catalogues=CATALOGUES), b"", 0, **changed)
    assert answer == status
    assert status == 200 or "Forespørgslen kan ikke læses" in text
