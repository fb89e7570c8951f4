"""The socket below a connection: partial writes, timeouts, TLS. And a database that restarts under a worker."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from django.db import connection
from psycopg import sql
from pytest_django import Settings

from harness.deliveries import deliver_due
from harness.ports import free_port
from harness.smtp_server import DROP, ScriptedServer, as_usual
from incidents.models import Subscriber
from incidents.notifications.channels.base import Reply
from incidents.notifications.channels.replies import Stage
from incidents.notifications.channels.smtp import SmtpConnection
from incidents.notifications.channels.smtp_opening import Relay, SmtpError
from incidents.notifications.channels.smtp_socket import SmtpSocket
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, states
from tests.notifications.sender.test_killed_worker import find_dead_jobs, start_worker

MESSAGE = b"Subject: S\r\n\r\n" + b"A line that is long enough.\r\n" * 40_000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_large_message_is_written_in_parts(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    received = bytearray()

    def receive() -> None:
        while len(received) < len(MESSAGE):
            received.extend(there.recv(65_536))

    listener = threading.Thread(target=receive)
    listener.start()
    asyncio.run(written(here, MESSAGE))
    listener.join()
    assert received == MESSAGE


def test_write_to_a_server_that_reads_nothing_times_out(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(written(ends[0], MESSAGE * 4, seconds=0.05))


async def written(end: socket.socket, data: bytes, seconds: float = 20) -> None:
    connected = SmtpSocket(end)
    try:
        await connected.write(data, seconds)
    finally:
        connected.release()


@pytest.mark.parametrize("said", [b"", b"250 and no end", b"x" * 70_000])
def test_reply_that_does_not_end_is_an_error(ends: tuple[socket.socket, socket.socket], said: bytes) -> None:
    async def reply() -> Reply:
        connected = SmtpSocket(ends[0])
        try:
            return await connected.read_reply(0.05)
        finally:
            connected.release()

    ends[1].sendall(said)
    with pytest.raises(OSError, match=r"did not reply|more than a reply"):
        asyncio.run(reply())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stage", "state"),
    [("CONNECT", "queued"), ("MAIL", "queued"), ("RCPT", "queued"), ("DATA", "queued"), ("DOT", "uncertain")],
)
def test_silent_server_leaves_a_delivery_uncertain_only_after_the_final_dot(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, stage: str, state: str
) -> None:
    """The timeout is triggered as soon as the server is silent, and never before."""
    settings.EMAIL_TIMEOUT = 0.1 if stage == "CONNECT" else 60
    make_subscriber("reader@example.dk")
    announced()
    over, sockets = threading.Event(), list[SmtpSocket]()
    connect = SmtpSocket.__init__

    def remember(self: SmtpSocket, end: socket.socket) -> None:
        connect(self, end)
        sockets.append(self)

    def fall_silent(at: str, _to: str) -> str | None:
        if at != stage:
            return None
        if sockets:
            sockets[-1]._loop.call_soon_threadsafe(trigger_timeout, sockets[-1])
        over.wait(60)
        return DROP

    monkeypatch.setattr(SmtpSocket, "__init__", remember)
    server.says = fall_silent
    try:
        deliver_due()
    finally:
        over.set()
    assert states() == {state: 1}


def test_timeout_of_a_reply_counts_from_its_own_command_whatever_came_before(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    async def scenario() -> None:
        here, there = ends
        connected = SmtpSocket(here)
        there.sendall(b"250 ok\r\n")
        assert (await connected.read_reply(600)).code == 250
        late = asyncio.create_task(connected.read_reply(600))
        await asyncio.sleep(0)
        assert connected._timer
        connected._deadline += 300  # of a later command; the timer is still that of this one
        connected._on_timer()
        assert not late.done()
        assert connected._timer.when() == connected._deadline
        there.sendall(b"250 ok\r\n")
        assert (await late).code == 250
        with pytest.raises(TimeoutError):  # although the timer has five minutes left
            await connected.read_reply(0.01)
        connected.release()
        assert connected._timer is None

    asyncio.run(scenario())


def trigger_timeout(connected: SmtpSocket) -> None:
    """End the client's wait for a reply, which may be about to start."""
    if connected._waiter is None or connected._waiter.done():
        connected._loop.call_later(0.01, trigger_timeout, connected)
    else:
        connected._deadline = 0.0
        connected._on_timer()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key."""
    file = tmp_path_factory.mktemp("tls") / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    return file


@pytest.mark.parametrize("starttls", [True, False])
def test_messages_are_sent_over_tls_and_the_name_is_verified(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, *, starttls: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", certificate)
    options = {"tls_context": context, "require_starttls": True} if starttls else {"ssl_context": context}
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    port = free_port()
    running = Controller(Sink(), hostname="127.0.0.1", port=port, **options)
    running.start()
    try:
        to_us = SmtpConnection(Relay("localhost", port, "", "", starttls, not starttls))
        to_us.open()
        assert [asyncio.run(sent_twice(to_us))] == [[250, 250]]
        with pytest.raises(SmtpError, match="CERTIFICATE_VERIFY_FAILED") as refused:
            SmtpConnection(Relay("127.0.0.1", port, "", "", starttls, not starttls)).open()
        assert refused.value.stage is (Stage.STARTTLS if starttls else Stage.CONNECT)
    finally:
        running.stop()


async def sent_twice(connected: SmtpConnection) -> list[int]:
    """Send messages that are larger than a TLS record and the socket's buffer."""
    replies = [await connected.send("status@example.dk", "reader@example.dk", MESSAGE) for _ in range(2)]
    connected.close()
    return [reply.code for reply in replies]


@contextmanager
def no_database() -> Iterator[None]:
    """End all connections, as on a restart of PostgreSQL, and allow none inside this context."""
    name = str(connection.settings_dict["NAME"])
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone
    parameters = {**connection.get_connection_params(), "dbname": "postgres", "autocommit": True}
    known = {
        key: value
        for key, value in parameters.items()
        if key in {"dbname", "user", "password", "host", "port", "autocommit"}
    }
    with psycopg.connect(**known) as other:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        other.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            other.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


@pytest.mark.django_db(transaction=True)
def test_restart_of_the_database_loses_no_message(server: ScriptedServer) -> None:
    for number in range(60):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    amid, back = threading.Event(), threading.Event()

    def wait_at_the_thirtieth(stage: str, _recipient: str) -> None:
        if stage == "DOT" and len(server.received) == 30:
            amid.set()
            back.wait(10)

    server.says = wait_at_the_thirtieth
    worker = start_worker(announcement.pk, server.port)
    try:
        assert amid.wait(30)
        with no_database():
            back.set()
            assert worker.poll() is None
        assert worker.wait(60) == 0
    finally:
        back.set()
        worker.kill()
        worker.wait()
    server.says = as_usual
    find_dead_jobs()
    deliver_due()
    assert {message.recipient for message in server.received} == set(
        Subscriber.objects.values_list("address", flat=True)
    )
    assert states() == {"sent": 60}
