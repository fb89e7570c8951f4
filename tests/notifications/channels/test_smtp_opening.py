"""Greeting, EHLO, STARTTLS and login: whatever the server sends, SmtpError with its stage, or a connection."""

import base64
import socket
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword
from pytest_django import Settings

from harness.ports import free_port
from incidents.notifications.channels.replies import Stage
from incidents.notifications.channels.smtp import SmtpConnection
from incidents.notifications.channels.smtp_opening import Relay, SmtpError
from tests.support.conversations import Conversation, listening

USER, PASSWORD = "søren@blåbær.dk", "rødgrød 🍓 med fløde"


@pytest.fixture(autouse=True)
def _short_timeout(settings: Settings) -> None:
    """For servers that never reply; the others do at once."""
    settings.EMAIL_TIMEOUT = 60


def says(*parts: bytes) -> Conversation:
    """Send the first part, and the next one after each line that the client sends."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(parts[0])
        with connection.makefile("rb") as lines:
            for part, _line in zip(parts[1:], lines, strict=False):
                connection.sendall(part)

    return talk


def failure(talk: Conversation, *, user: str = "", password: str = "", starttls: bool = False) -> SmtpError:
    with listening(talk) as port, pytest.raises(SmtpError) as raised:
        SmtpConnection(Relay("127.0.0.1", port, user, password, starttls, implicit_tls=False)).open()
    return raised.value


GREETING, EHLO = b"220 mx.example.dk ESMTP\r\n", b"250-mx.example.dk\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN\r\n"


@pytest.mark.parametrize(
    ("talk", "stage", "code"),
    [
        (says(b""), Stage.GREETING, 0),
        (says(b"421 4.7.0 Error: too many connections\r\n"), Stage.GREETING, 421),
        (says(b"554 No SMTP service here\r\n"), Stage.GREETING, 554),
        (says(b"250 Hello\r\n"), Stage.GREETING, 250),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Stage.GREETING, 0),
        (says(b"\x00\xff\xfe\r\n"), Stage.GREETING, 0),
        (says(b"220-a\r\n" * 20_000), Stage.GREETING, 0),
        (says(b"x" * 100_000), Stage.GREETING, 0),
        (says(GREETING, b"421 Too much load\r\n"), Stage.EHLO, 421),
        (says(GREETING, b"502 No\r\n", b"550 No\r\n"), Stage.EHLO, 550),
        (says(GREETING, b"220 Hello\r\n"), Stage.EHLO, 220),
        (says(GREETING, b"250-a\r\n550 b\r\n"), Stage.EHLO, 0),
        (says(GREETING + EHLO + EHLO, b""), Stage.EHLO, 0),
    ],
)  # fmt: skip
def test_failed_opening_has_its_stage(talk: Conversation, stage: Stage, code: int) -> None:
    error = failure(talk)
    assert (error.stage, error.reply.code) == (stage, code)
    assert error.reply.text.isprintable()


@pytest.mark.parametrize(
    ("ehlo", "talk", "code"),
    [
        (b"250 mx.example.dk\r\n", [], 0),
        (EHLO, [b"454 4.7.0 TLS not available\r\n"], 454),
        (EHLO, [b"220 Go ahead\r\n250 OK without TLS\r\n"], 0),
        (EHLO, [b"220 Go ahead\r\n", b"This is not TLS\r\n"], 0),
    ],
)
def test_failed_starttls_has_its_stage(ehlo: bytes, talk: list[bytes], code: int) -> None:
    error = failure(says(GREETING, ehlo, *talk), starttls=True)
    assert (error.stage, error.reply.code) == (Stage.STARTTLS, code)


@pytest.mark.parametrize(
    ("ehlo", "talk", "code"),
    [
        (b"250 mx.example.dk\r\n", [], 0),
        (b"250-mx.example.dk\r\n250 AUTH GSSAPI NTLM\r\n", [], 0),
        (b"250-a\r\n250 AUTH PLAIN\r\n", [b"535 5.7.8 Wrong\r\n"], 535),
        (b"250-a\r\n250 AUTH PLAIN\r\n", [b"454 4.7.0 Later\r\n"], 454),
        (b"250-a\r\n250 AUTH PLAIN\r\n", [b"334 \r\n"], 334),
        (b"250-a\r\n250 AUTH PLAIN LOGIN\r\n", [b"535 5.7.8 Wrong\r\n", b""], 535),
        (b"250-a\r\n250 AUTH LOGIN\r\n", [b"334 !!\r\n", b"334 \xff\r\n"], 0),
        (b"250-a\r\n250 AUTH LOGIN\r\n", [b"334 VXNlcg==\r\n", b"334 UGFzcw==\r\n", b"334 UGFzcw==\r\n"], 334),
        (b"250-a\r\n250 AUTH CRAM-MD5\r\n", [b"334 \xe5\xe5\r\n"], 0),
        (b"250-a\r\n250 AUTH CRAM-MD5\r\n", [b"334 PDE+\r\n", b"500 No\r\n"], 500),
    ],
)  # fmt: skip
def test_failed_login_has_its_stage(ehlo: bytes, talk: list[bytes], code: int) -> None:
    error = failure(says(GREETING, ehlo, *talk), user=USER, password=PASSWORD)
    assert (error.stage, error.reply.code) == (Stage.AUTH, code)


@pytest.mark.parametrize(
    ("host", "port"),
    [("ø" * 100, 25), ("no..dots", 25), ("a\0b", 25), ("127.0.0.1", 99_999), ("127.0.0.1", -1), ("", 1)],
)
def test_settings_that_make_no_sense_raise_the_same_error(host: str, port: int) -> None:
    with pytest.raises(SmtpError) as raised:
        SmtpConnection(Relay(host, port, "", "", starttls=False, implicit_tls=False)).open()
    assert raised.value.stage is Stage.CONNECT


@pytest.mark.parametrize("piece", [b"2", b"220-\r\n"])
def test_reply_that_trickles_in_has_one_deadline(settings: Settings, piece: bytes) -> None:
    """Each piece comes well within the timeout, but the reply never ends."""
    settings.EMAIL_TIMEOUT = 0.3

    def trickle(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        for _ in count():
            connection.sendall(piece)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    assert "did not reply in time" in failure(trickle).reply.text


def test_server_that_knows_no_ehlo_gets_helo() -> None:
    with listening(says(GREETING, b"502 5.5.2 Unknown\r\n", b"250 mx.example.dk\r\n")) as port:
        connection = SmtpConnection(Relay("127.0.0.1", port, "", "", starttls=False, implicit_tls=False))
        connection.open()
        assert connection.is_open
        assert not connection.accepts_utf8_addresses()
        connection.close()


class Authenticator:
    """Accepts the one user, as UTF-8."""

    def __init__(self) -> None:
        self.mechanisms: list[str] = []

    def __call__(self, *call: object) -> AuthResult:
        *_server, mechanism, data = call
        assert isinstance(data, LoginPassword)
        self.mechanisms.append(str(mechanism))
        return AuthResult(success=(data.login.decode(), data.password.decode()) == (USER, PASSWORD), handled=False)


@pytest.fixture(params=["PLAIN", "LOGIN"])
def mechanism(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log_in(mechanism: str) -> Iterator[Callable[[str], list[str]]]:
    """Log in at a real server that offers one mechanism; return the mechanisms used."""
    authenticator = Authenticator()
    running = Controller(
        Sink(),
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticator,
        auth_require_tls=False,
        auth_exclude_mechanism=[name for name in ("PLAIN", "LOGIN") if name != mechanism],
    )
    running.start()

    def attempt(password: str) -> list[str]:
        connection = SmtpConnection(
            Relay("127.0.0.1", running.port, USER, password, starttls=False, implicit_tls=False)
        )
        connection.open()
        connection.close()
        return authenticator.mechanisms

    yield attempt
    running.stop()


def test_user_and_password_may_be_any_text(mechanism: str, log_in: Callable[[str], list[str]]) -> None:
    assert log_in(PASSWORD) == [mechanism]


def test_wrong_password_is_rejected_at_the_login(log_in: Callable[[str], list[str]]) -> None:
    with pytest.raises(SmtpError) as raised:
        log_in("forkert")
    assert (raised.value.stage, raised.value.reply.code) == (Stage.AUTH, 535)


def test_cram_md5_uses_utf_8_too() -> None:
    received = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        with connection.makefile("rb") as lines:
            replies = [b"250-a\r\n250-AUTH=PLAIN\r\n250 AUTH CRAM-MD5\r\n", b"334 PDFAbXg+\r\n", b"235 OK\r\n"]
            for reply, line in zip(replies, lines, strict=False):
                received.append(line)
                connection.sendall(reply)

    with listening(talk) as port:
        connection = SmtpConnection(Relay("127.0.0.1", port, USER, PASSWORD, starttls=False, implicit_tls=False))
        connection.open()
        connection.close()
    # hmac(PASSWORD in UTF-8, b"<1@mx>", md5)
    assert base64.b64decode(received[2]).decode().startswith(f"{USER} ")
    assert len(base64.b64decode(received[2])) == len(USER.encode()) + 33
