"""A webhook's server can do what it likes during the TLS handshake: its post is deferred, and the others are sent."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Thread

import pytest
from pytest_django import Settings

from incidents import dialling, guard
from incidents.models import Attempt, Delivery
from incidents.notifications import jobs
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import announced
from tests.support import certificates
from tests.support.receiver import OK, Receiver

pytestmark = pytest.mark.django_db

HELLO = 65_536  # bytes; a ClientHello is shorter
# A fatal alert, as TLS 1.2 writes it before a cipher is chosen (RFC 8446 §6).
ALERTS = {"handshake_failure": b"\x15\x03\x03\x00\x02\x02\x28", "unrecognized_name": b"\x15\x03\x03\x00\x02\x02\x70"}
CLOSED = "The host closed the connection without an answer."
LATE = "No answer in time."

Talk = Callable[[socket.socket], None]


def say(content: bytes, wire: socket.socket) -> None:
    wire.recv(HELLO)
    wire.sendall(content)


def reset(wire: socket.socket) -> None:
    # With bytes unread, the kernel sends a reset in place of an end.
    wire.recv(1)


def stall(over: Event, _wire: socket.socket) -> None:
    over.wait()


def trickle(over: Event, wire: socket.socket) -> None:
    """A record that never ends, one byte at a time."""
    wire.sendall(b"\x16\x03\x03\x40\x00")
    while not over.wait(0.05):
        wire.sendall(b"\x02")


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def ask_for_certificate(certificate: Path, wire: socket.socket) -> None:
    """Refuse a client without a certificate, by an alert after its handshake (RFC 8446 §4.4.2.4)."""
    context = server_context(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    secured = context.wrap_socket(wire, server_side=True, do_handshake_on_connect=False)
    with suppress(ssl.SSLError):
        secured.do_handshake()
    # The request may be here already. With bytes unread, the kernel sends a reset, which can destroy the alert.
    with socket.socket(fileno=secured.detach()) as plain:
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(HELLO):
            pass


def answer(content: bytes, certificate: Path, wire: socket.socket) -> None:
    """Answer, and close TCP without TLS's close_notify."""
    secured = server_context(certificate).wrap_socket(wire, server_side=True)
    secured.recv(HELLO)
    secured.sendall(content)
    socket.socket(fileno=secured.detach()).close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates. `trusted.crt` has all but that of unknown.example."""
    folder = tmp_path_factory.mktemp("tls")
    trusted = [certificates.make(folder, "hook.example"), certificates.make(folder, "expired.example", is_expired=True)]
    certificates.make(folder, "unknown.example")
    (folder / "trusted.crt").write_bytes(b"".join(Path(f"{file}.crt").read_bytes() for file in trusted))
    return folder


@pytest.fixture
def network(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[ExitStack]:
    """Every name is that of this machine; the servers end with the stack."""
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "trusted.crt"))
    monkeypatch.setattr(dialling, "addresses_of", lambda _host, _port: ["127.0.0.1"])
    make_page()
    with ExitStack() as stack:
        yield stack


def serve(stack: ExitStack, talk: Talk) -> int:
    """Start a server that talks to every client like this, and return its port."""
    listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def listen() -> None:
        with suppress(OSError):
            while True:
                wire, _address = listening.accept()
                with suppress(OSError), wire:
                    talk(wire)

    thread = Thread(target=listen)
    thread.start()
    stack.callback(thread.join)
    stack.callback(listening.shutdown, socket.SHUT_RDWR)
    port: int = listening.getsockname()[1]
    return port


def post_to_all(
    stack: ExitStack, hooks: dict[str, tuple[str, int]], folder: Path
) -> dict[str, tuple[Attempt, Delivery]]:
    """Announce an update to a webhook per name and port, and a good one; return what was recorded."""
    good = stack.enter_context(Receiver(certificate=folder / "hook.example.pem"))
    named = {name: f"https://{host}:{port}/{number}" for number, (name, (host, port)) in enumerate(hooks.items())}
    named["good"] = f"https://hook.example:{good.port}/good"
    fields = {"channel": "webhook", "owner": "drift@example.dk"}
    webhooks = {name: make_subscriber(url, **fields).pk for name, url in named.items()}
    announced()
    jobs.post()
    assert len(good.posted) == 1
    return {
        name: (Attempt.objects.get(subscriber_id=pk), Delivery.objects.get(subscriber_id=pk))
        for name, pk in webhooks.items()
    }


def test_any_handshake_ends_in_a_deferral_with_a_reason_and_the_good_one_is_sent(
    network: ExitStack, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(guard, "TLS_SECONDS", 0.5)
    over, hook = Event(), folder / "hook.example.pem"
    talks: dict[str, tuple[str, Talk, str]] = {
        "closes at once": ("hook.example", lambda _wire: None, CLOSED),
        "closes after ClientHello": ("hook.example", partial(say, b""), CLOSED),
        "resets": ("hook.example", reset, CLOSED),
        "stalls": ("hook.example", partial(stall, over), LATE),
        "trickles": ("hook.example", partial(trickle, over), LATE),
        "plain HTTP": ("hook.example", partial(say, b"HTTP/1.1 400 Bad Request\r\n\r\n"), "SSLError"),
        "not TLS": ("hook.example", partial(say, b"\x00\xff\x1b[31m" * 99), "SSLError"),
        **{alert: ("hook.example", partial(say, sent), "SSLError") for alert, sent in ALERTS.items()},
        "unknown issuer": (
            "unknown.example",
            partial(answer, OK, folder / "unknown.example.pem"),
            "SSLCertVerificationError: self-signed certificate",
        ),
        "expired": (
            "expired.example",
            partial(answer, OK, folder / "expired.example.pem"),
            "SSLCertVerificationError: certificate has expired",
        ),
        "wrong name": ("other.example", partial(answer, OK, hook), "SSLCertVerificationError: Hostname mismatch"),
        "asks for a certificate": ("hook.example", partial(ask_for_certificate, hook), "SSLError"),
        "no close_notify, half an answer": ("hook.example", partial(answer, OK[:20], hook), CLOSED),
    }
    hooks = {name: (host, serve(network, talk)) for name, (host, talk, _reason) in talks.items()}
    network.callback(over.set)  # before the servers are waited for
    recorded = post_to_all(network, hooks, folder)
    attempt, delivery = recorded.pop("good")
    assert (attempt.code, delivery.state) == (204, "sent")
    for name, (attempt, delivery) in recorded.items():
        assert (delivery.state, attempt.code) == ("deferred", None), name
        assert attempt.said == delivery.reply, name
        assert attempt.said.startswith(talks[name][2]), (name, attempt.said)
        assert attempt.said.isascii()
        assert attempt.said.isprintable()
        assert "Unexpected" not in attempt.said
    assert not Delivery.objects.filter(holder__isnull=False).exists()


def test_answer_counts_without_close_notify(network: ExitStack, folder: Path) -> None:
    """Many servers leave it out (RFC 8446 §6.1); the headers are complete without it."""
    port = serve(network, partial(answer, OK, folder / "hook.example.pem"))
    recorded = post_to_all(network, {"curt": ("hook.example", port)}, folder)
    assert [(attempt.code, delivery.state) for attempt, delivery in recorded.values()] == [(204, "sent")] * 2
