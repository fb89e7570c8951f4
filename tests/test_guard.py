"""Requests to URLs from untrusted users reach public addresses only."""

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from incidents import dialling, guard
from incidents.responses import Response
from tests.support import certificates
from tests.support.receiver import Posted, Receiver, answer

HERE = [ip_network("127.0.0.0/8")]
Resolver = Callable[[str, int], list[str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def allow_localhost(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = HERE


def accept_and_close(server: socket.socket) -> None:
    server.accept()[0].close()


def always(*addresses: str) -> Resolver:
    return lambda _host, _port: list(addresses)


CLOSED = """
    0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1
    255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1
    2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
""".split()
OPEN = "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 193.0.14.129 2606:4700::1111 2a00:1450:400f::200e".split()


def test_only_public_addresses_are_allowed() -> None:
    assert [address for address in CLOSED if guard.is_allowed(address)] == []
    assert [address for address in OPEN if not guard.is_allowed(address)] == []


def test_only_the_networks_of_the_operator_are_allowed_besides(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = [ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")]
    assert guard.is_allowed("10.20.3.4")
    assert guard.is_allowed("fd00:1::5")
    assert not guard.is_allowed("10.21.0.1")
    assert not guard.is_allowed("::ffff:10.20.3.4")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("http://example.com/hook", "scheme"),
        ("ftp://example.com/hook", "scheme"),
        ("example.com/hook", "scheme"),
        ("https://anna:secret@example.com/", "credentials"),
        ("https://example.com@evil.example/", "credentials"),
        ("https://example.com:22/", "port"),
        ("https://example.com:x/", "invalid"),
        ("https:///hook", "invalid"),
        ("https://exa mple.com/", "invalid"),
        ("https://example.com/#part", "invalid"),
        ("https://example.com/\r\nHost: evil", "invalid"),
        ("https://127.0.0.1/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::ffff:8.8.8.8]/", "private"),
        ("https://example.com/" + "x" * 500, "long"),
    ],
)
def test_bad_url_is_refused_with_the_reason(typed: str, code: str) -> None:
    with pytest.raises(guard.BadUrl) as refusal:
        guard.read_url(typed)
    assert refusal.value.code == code


def test_url_has_one_canonical_form() -> None:
    written = " HTTPS://Blåbær.Example.DK.:443/stien/å?a=b c".replace("b c", "b%20c")
    assert guard.read_url(written).url == "https://xn--blbr-roah.example.dk/stien/%C3%A5?a=b%20c"


@pytest.mark.usefixtures("allow_localhost")
def test_connection_goes_to_the_checked_address_despite_dns_rebinding(receiver: Receiver) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    url = f"http://rebind.example:{receiver.port}/hook"
    assert guard.post(url, b"{}", {}, resolve=rebinding).code == 204
    assert asked == ["rebind.example"]
    assert receiver.posted[0].headers["Host"] == f"rebind.example:{receiver.port}"
    with pytest.raises(guard.Forbidden):
        guard.post(url, b"{}", {}, resolve=rebinding)


@pytest.mark.parametrize("also", ["127.0.0.1", "::1", "169.254.169.254"])
def test_one_private_address_closes_the_host(also: str) -> None:
    with pytest.raises(guard.Forbidden):
        guard.post("https://example.com/", b"", {}, resolve=always("1.1.1.1", also))


@pytest.mark.usefixtures("allow_localhost")
def test_public_hosts_are_called_only_with_https_on_known_ports() -> None:
    for url in ("http://example.com/", "https://example.com:8080/"):
        with pytest.raises(guard.Forbidden, match="https only"):
            guard.post(url, b"", {}, resolve=always("1.1.1.1"))


@pytest.mark.usefixtures("allow_localhost")
def test_redirect_is_returned_and_not_followed(receiver: Receiver) -> None:
    receiver.says = lambda _posted: answer("302 Found", location="http://127.0.0.1:1/")
    assert guard.post(receiver.url, b"", {}).code == 302
    assert len(receiver.posted) == 1


@pytest.mark.usefixtures("allow_localhost")
def test_response_is_read_up_to_its_headers(receiver: Receiver) -> None:
    receiver.says = lambda _posted: b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000
    assert guard.post(receiver.url, b'{"a":1}', {"Content-Type": "application/json"}) == Response(200)
    posted = receiver.posted[0]
    assert (posted.line, posted.body) == ("POST /hook?key=1 HTTP/1.1", b'{"a":1}')


@pytest.mark.usefixtures("allow_localhost")
def test_retry_after_may_be_seconds_or_a_date(receiver: Receiver) -> None:
    for retry_after, expected in (("120", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)):
        receiver.says = lambda _posted, retry_after=retry_after: answer("503 Busy", retry_after=retry_after)  # type: ignore[misc]
        assert guard.post(receiver.url, b"", {}).retry_after == expected


@pytest.mark.usefixtures("allow_localhost")
@pytest.mark.parametrize("reply", [b"", b"220 mail.example ESMTP\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000])
def test_response_that_is_not_http_or_too_long_is_refused(receiver: Receiver, reply: bytes) -> None:
    receiver.says = lambda _posted: reply
    with pytest.raises(guard.Unreachable):
        guard.post(receiver.url, b"", {})


@pytest.mark.usefixtures("allow_localhost")
def test_slow_response_ends_at_the_time_limit(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part arrives in time, but all of them together do not."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(dialling, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def drip(posted: Posted) -> bytes:
        clock.now += guard.SECONDS
        return b"HTTP/1.1 200 OK\r\n"

    receiver.says = drip
    with pytest.raises(guard.Unreachable, match="in time"):
        guard.post(receiver.url, b"", {})


@pytest.mark.usefixtures("allow_localhost")
def test_silent_host_is_given_up_at_the_time_limit(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.2)
    is_over = Event()

    def keep_silent(_posted: Posted) -> bytes:
        is_over.wait()
        return b""

    receiver.says = keep_silent
    with pytest.raises(guard.Unanswered, match="in time"):
        guard.post(receiver.url, b"", {})
    is_over.set()


@pytest.mark.usefixtures("allow_localhost")
def test_host_that_reads_nothing_is_given_up_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(guard.Unanswered, match="in time"):
        guard.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", b"x" * 20_000_000, {})


def test_resolver_that_hangs_is_given_up_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RESOLVE_SECONDS", 0.1)
    is_over = Event()

    def hang(_host: str, _port: int) -> list[str]:
        is_over.wait()
        return ["1.1.1.1"]

    with pytest.raises(guard.Unreachable, match="looked up in time"):
        guard.post("https://example.com/", b"", {}, resolve=hang)
    is_over.set()


@pytest.mark.usefixtures("allow_localhost")
def test_each_address_of_a_name_is_tried(receiver: Receiver) -> None:
    url = f"http://hook.example:{receiver.port}/"
    assert guard.post(url, b"", {}, resolve=always("127.0.0.2", "127.0.0.1")).code == 204
    with pytest.raises(guard.Unreachable, match="no connection on this port"):
        guard.post(url, b"", {}, resolve=always("127.0.0.2", "127.0.0.3"))


@pytest.mark.usefixtures("allow_localhost")
def test_address_that_does_not_complete_tls_is_followed_by_the_next(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with Receiver(certificate=certificate) as receiver, socket.create_server(("127.0.0.2", receiver.port)) as broken:
        Thread(target=accept_and_close, args=[broken]).start()
        url = f"https://hook.example:{receiver.port}/"
        assert guard.post(url, b"", {}, resolve=always("127.0.0.2", "127.0.0.1")).code == 204


@pytest.mark.usefixtures("allow_localhost")
def test_request_that_was_withdrawn_while_connecting_is_not_sent(receiver: Receiver) -> None:
    with pytest.raises(guard.Unreachable):
        guard.post(receiver.url, b"", {}, may_send=lambda: False)
    assert guard.post(receiver.url, b"", {}, may_send=lambda: True).code == 204
    assert len(receiver.posted) == 1


def test_unknown_host_is_unreachable() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(guard.Unreachable, match="not known"):
        guard.post("https://example.invalid/", b"", {}, resolve=unknown)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of hook.example."""
    return certificates.make(tmp_path_factory.mktemp("tls"), "hook.example")


@pytest.mark.usefixtures("allow_localhost")
def test_tls_certificate_is_checked_against_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    here = always("127.0.0.1")
    with Receiver(certificate=certificate) as receiver:
        assert guard.post(f"https://hook.example:{receiver.port}/", b"", {}, resolve=here).code == 204
        assert receiver.posted[0].server_name == "hook.example"
        with pytest.raises(guard.Unreachable, match="Hostname mismatch"):
            guard.post(f"https://other.example:{receiver.port}/", b"", {}, resolve=here)
