"""The opening of an SMTP connection: greeting, EHLO, STARTTLS and AUTH, on a blocking socket.

Our own and not smtplib's, which reads a reply without end, has a timeout per read instead of one
per reply, cannot log in with a non-ASCII password, and does not say at which stage it failed.
"""

import base64
import contextlib
import hmac
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings

from ... import domains
from ...dialling import Deadline
from .base import Reply
from .replies import Stage
from .reply_buffer import MAX_OCTETS, BrokenReply, ReplyBuffer, parse

# In order of preference, as smtplib has it.
_MECHANISMS = ("CRAM-MD5", "PLAIN", "LOGIN")
# 503 is what some servers reply to a second login.
_LOGGED_IN = frozenset({235, 503})


class SmtpError(Exception):
    """The reply that ended the transaction, and its stage. Code 0 means that there was no reply."""

    def __init__(self, stage: Stage, reply: Reply) -> None:
        super().__init__(f"{stage.name}: {reply}")
        self.stage = stage
        self.reply = reply


@dataclass(frozen=True)
class Relay:
    """The configured mail server."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    implicit_tls: bool

    @classmethod
    def configured(cls) -> "Relay":
        return cls(
            settings.EMAIL_HOST,
            settings.EMAIL_PORT,
            settings.EMAIL_HOST_USER,
            settings.EMAIL_HOST_PASSWORD,
            settings.EMAIL_USE_TLS,
            settings.EMAIL_USE_SSL,
        )


class Opening:
    """Opens one connection. Afterwards `connected` is ready for MAIL, and `extensions` has what EHLO offered."""

    connected: socket.socket

    def __init__(self, relay: Relay, timeouts: Mapping[Stage, float]) -> None:
        self.relay = relay
        self.extensions: dict[str, str] = {}
        self._timeouts = timeouts
        self._stage = Stage.CONNECT
        self._replies = ReplyBuffer()
        self._is_aborted = False

    def run(self) -> None:
        """Raises SmtpError with its stage for every failure."""
        try:
            self.connected = socket.create_connection((self.relay.host, self.relay.port), self._timeouts[self._stage])
            self._close_on_error(self._greet_and_log_in)
        except SmtpError:
            raise
        except Exception as error:
            # Names, sockets, certificates and codecs raise many types, and none may end the worker.
            raise SmtpError(self._stage, Reply(0, f"{type(error).__name__}: {error}")) from error

    def abort(self) -> None:
        """Make what another thread reads or writes fail; a connection that is not established yet, once it is."""
        self._is_aborted = True
        with contextlib.suppress(OSError, AttributeError):
            self.connected.shutdown(socket.SHUT_RDWR)

    def _close_on_error(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            self.connected.close()
            raise

    def _greet_and_log_in(self) -> None:
        self.connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.relay.implicit_tls:
            self._start_tls()
        self._stage = Stage.GREETING
        self._require(parse(self._read()), 220)
        self._greet()
        if self.relay.starttls:
            self._stage = Stage.STARTTLS
            self._upgrade()
            self._greet()
        if self.relay.user:
            self._stage = Stage.AUTH
            self._log_in()
        if self._replies.has_unread:
            raise BrokenReply("The server sent more than a reply.")

    def _greet(self) -> None:
        self._stage = Stage.EHLO
        name = domains.to_ascii(settings.SITE_HOST) if not settings.SITE_HOST.isascii() else settings.SITE_HOST
        lines = self._command(f"EHLO {name}")
        reply = parse(lines)
        if reply.code // 100 == 5:
            lines = self._command(f"HELO {name}")
            reply = parse(lines)
        self._require(reply, 250)
        self.extensions = {}
        for keyword, parameters in map(_extension, lines[1:]):
            self.extensions[keyword] = f"{self.extensions.get(keyword, '')} {parameters}"

    # -- TLS and login ---------------------------------------------------------------------

    def _upgrade(self) -> None:
        if "starttls" not in self.extensions:
            raise SmtpError(Stage.STARTTLS, Reply(0, "The mail server does not offer STARTTLS."))
        self._require(parse(self._command("STARTTLS")), 220)
        if self._replies.has_unread:
            # Sent without TLS to be read as if it were protected (RFC 3207 §6).
            raise BrokenReply("The server sent more than a reply before TLS.")
        self._start_tls()

    def _start_tls(self) -> None:
        self.connected.settimeout(self._timeouts[self._stage])
        context = ssl.create_default_context()
        secured = context.wrap_socket(self.connected, server_hostname=self.relay.host, do_handshake_on_connect=False)
        self.connected = secured
        self._require_not_aborted()
        secured.do_handshake()

    def _log_in(self) -> None:
        # Some servers offer mechanisms that do not work, so all are tried.
        offered = self.extensions.get("auth", "").upper().split()
        reply = Reply(0, f"The mail server offers no login of {', '.join(_MECHANISMS)}.")
        for mechanism in (name for name in _MECHANISMS if name in offered):
            try:
                reply = self._authenticate(mechanism)
            except OSError:
                if not reply.code:
                    raise
                break  # closed after the first rejection, which is the reason
            if reply.code in _LOGGED_IN:
                return
        raise SmtpError(Stage.AUTH, reply)

    def _authenticate(self, mechanism: str) -> Reply:
        # User and password are UTF-8 (RFC 4616 §2); LOGIN and CRAM-MD5 have no other rule.
        user, password = self.relay.user.encode(), self.relay.password.encode()
        if mechanism == "PLAIN":
            return parse(self._command(f"AUTH PLAIN {_base64(b'%c%b%c%b' % (0, user, 0, password))}"))
        reply = parse(self._command(f"AUTH {mechanism}"))
        if mechanism == "LOGIN":
            return self._answer(self._answer(reply, lambda _challenge: user), lambda _challenge: password)
        return self._answer(reply, lambda challenge: b"%b %b" % (user, _digest(password, challenge)))

    def _answer(self, reply: Reply, answer: Callable[[bytes], bytes]) -> Reply:
        if reply.code != 334:
            return reply
        return parse(self._command(_base64(answer(base64.b64decode(reply.text)))))

    # -- reading and writing ---------------------------------------------------------------

    def _command(self, command: str) -> list[bytes]:
        self.connected.settimeout(self._timeouts[self._stage])
        self.connected.sendall(command.encode("ascii") + b"\r\n")
        return self._read()

    def _read(self) -> list[bytes]:
        deadline = Deadline.after(self._timeouts[self._stage])
        self._require_not_aborted()
        while (lines := self._replies.take()) is None:
            try:
                self.connected.settimeout(deadline.remaining())
                data = self.connected.recv(MAX_OCTETS)
            except TimeoutError as error:
                raise TimeoutError("The server did not reply in time.") from error
            if not data:
                raise ConnectionError("The server closed the connection.")
            self._replies.feed(data)
        return lines

    def _require_not_aborted(self) -> None:
        # After each new socket, because `abort` may have found the one before.
        if self._is_aborted:
            raise ConnectionAbortedError("The worker was stopped.")

    def _require(self, reply: Reply, code: int) -> None:
        if reply.code != code:
            raise SmtpError(self._stage, reply)


def _extension(line: bytes) -> tuple[str, str]:
    # `250-AUTH=LOGIN` is an old spelling of `250-AUTH LOGIN`.
    keyword, _space, parameters = line[4:].decode("latin-1").replace("AUTH=", "AUTH ", 1).partition(" ")
    return keyword.strip().lower(), parameters.strip()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _digest(password: bytes, challenge: bytes) -> bytes:
    return hmac.new(password, challenge, "md5").hexdigest().encode()
