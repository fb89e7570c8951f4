"""An SMTP connection that is reused, with pipelined commands if the server supports them.

smtplib opens it (greeting, EHLO, STARTTLS, AUTH). The transaction is our own, so that one
thread can run many: MAIL, RCPT and DATA in one write (RFC 2920 §3.1), a timeout per
command (RFC 5321 §4.5.3.2), and errors that contain the stage they occurred at.
"""

import contextlib
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

from .base import Reply
from .replies import Stage
from .smtp_socket import SmtpSocket

_CODE = re.compile(rb"[2-5]\d\d")


# Seconds to wait for each reply (RFC 5321 §4.5.3.2); EMAIL_TIMEOUT can shorten them.
TIMEOUTS = {
    Stage.CONNECT: 300,
    Stage.MAIL: 300,
    Stage.RCPT: 300,
    Stage.DATA: 120,
    Stage.CONTENT: 180,
    Stage.FINAL_DOT: 600,
}


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


class SmtpConnection:
    """One connection, for one message at a time. `open` blocks; call it in a thread.

    After an SmtpError it is reset and can be reused if `is_open`.
    """

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.accepted = 0  # messages on this connection, so that the caller can recycle it
        self._smtp: smtplib.SMTP | None = None
        self._socket: SmtpSocket | None = None  # the same connection, from the first message on
        self._timeouts = {stage: min(seconds, settings.EMAIL_TIMEOUT) for stage, seconds in TIMEOUTS.items()}

    @property
    def is_open(self) -> bool:
        return self._smtp is not None

    def open(self) -> None:
        """Connect, start TLS and log in. Raises SmtpError at stage CONNECT for every failure."""
        try:
            self._smtp = self._connect()
            self._secure_and_log_in(self._smtp)
        except smtplib.SMTPResponseException as error:
            raise self._failed(Stage.CONNECT, _reply(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self._failed(Stage.CONNECT, Reply(0, f"{type(error).__name__}: {error}")) from error
        if self._smtp.sock is not None:
            self._smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """Send one message to one recipient. `content` has CRLF line endings, also at its end.

        Return the reply to the final dot, a 2yz. Raises SmtpError otherwise; at stage
        FINAL_DOT with code 0 the message may have been accepted.
        """
        self._adopt_socket()
        commands = self._commands(sender, recipient)
        replies = await self._pipelined(commands) if self._pipelines else await self._one_by_one(commands)
        for stage, reply in replies:
            if reply.code // 100 not in {2, 3}:
                await self._abort(stage, awaits_content=replies[-1][1].code == 354)
                raise SmtpError(stage, reply)
        return await self._finish(content)

    def close(self) -> None:
        """Send QUIT without waiting for the reply: nothing depends on it."""
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.putcmd("quit")
            self._drop()

    def accepts_utf8_addresses(self) -> bool:
        return self._smtp is not None and self._smtp.has_extn("smtputf8")

    # -- opening ---------------------------------------------------------------------------

    def _connect(self) -> smtplib.SMTP:
        seconds, name = self._timeouts[Stage.CONNECT], settings.SITE_HOST
        if not self.relay.implicit_tls:
            return smtplib.SMTP(self.relay.host, self.relay.port, name, seconds)
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(self.relay.host, self.relay.port, name, timeout=seconds, context=context)

    def _secure_and_log_in(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self.relay.starttls:
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if self.relay.user:
            smtp.login(self.relay.user, self.relay.password)

    @cached_property
    def _pipelines(self) -> bool:
        return self._smtp is not None and self._smtp.has_extn("pipelining")

    # -- a transaction ---------------------------------------------------------------------

    def _commands(self, sender: str, recipient: str) -> list[tuple[Stage, bytes]]:
        utf8 = "" if recipient.isascii() else " SMTPUTF8"
        return [
            (Stage.MAIL, f"MAIL FROM:<{sender}>{utf8}\r\n".encode()),
            (Stage.RCPT, f"RCPT TO:<{recipient}>\r\n".encode()),
            (Stage.DATA, b"DATA\r\n"),
        ]

    async def _pipelined(self, commands: list[tuple[Stage, bytes]]) -> list[tuple[Stage, Reply]]:
        await self._write(b"".join(command for _stage, command in commands), commands[0][0])
        return [(stage, await self._read(stage)) for stage, _command in commands]

    async def _one_by_one(self, commands: list[tuple[Stage, bytes]]) -> list[tuple[Stage, Reply]]:
        # Stop at the first command that is rejected.
        replies = []
        for stage, command in commands:
            await self._write(command, stage)
            replies.append((stage, await self._read(stage)))
            if replies[-1][1].code // 100 not in {2, 3}:
                break
        return replies

    async def _finish(self, content: bytes) -> Reply:
        # A failed write has not delivered the final dot, so only a failed read leaves the outcome uncertain.
        if content.startswith(b"."):
            content = b"." + content
        await self._write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n", Stage.CONTENT)
        reply = await self._read(Stage.FINAL_DOT)
        if reply.code // 100 != 2:
            raise SmtpError(Stage.FINAL_DOT, reply)
        self.accepted += 1
        return reply

    async def _abort(self, rejected: Stage, *, awaits_content: bool) -> None:
        # Leave the connection ready for another message, or closed.
        #
        # A server may reply 354 although it rejected the only recipient. It then waits for
        # content, and a lone dot gives it an empty message to reject (RFC 2920 §3.1). A
        # server that has a recipient might accept the empty message, so the connection to
        # it is closed.
        if awaits_content and rejected is not Stage.RCPT:
            self._drop()
            return
        with contextlib.suppress(SmtpError):
            if awaits_content:
                await self._write(b".\r\n", Stage.CONTENT)
                await self._read(Stage.FINAL_DOT)
            await self._write(b"RSET\r\n", Stage.MAIL)
            await self._read(Stage.MAIL)

    # -- reading and writing ---------------------------------------------------------------

    def _adopt_socket(self) -> None:
        if self._socket is None and self._smtp is not None and self._smtp.sock is not None:
            self._socket = SmtpSocket(self._smtp.sock)

    async def _write(self, data: bytes, stage: Stage) -> None:
        try:
            await self._open_socket.write(data, self._timeouts[stage])
        except OSError as error:
            raise self._failed(stage, Reply(0, f"{type(error).__name__}: {error}")) from error

    async def _read(self, stage: Stage) -> Reply:
        # Return the next reply. At any stage, 421 means that the server closes the connection.
        try:
            connected, seconds = self._open_socket, self._timeouts[stage]
            lines = [await connected.read_line(seconds)]
            while lines[-1][3:4] == b"-":
                lines.append(await connected.read_line(seconds))
        except OSError as error:
            raise self._failed(stage, Reply(0, f"{type(error).__name__}: {error}")) from error
        code = int(lines[-1][:3]) if _CODE.fullmatch(lines[-1][:3]) else 0
        reply = _reply(code, b" ".join(line[4:] for line in lines))
        if not code:
            raise self._failed(stage, Reply(0, f"This is not an SMTP reply: {reply}"))
        if code == 421:
            raise self._failed(stage, reply)
        return reply

    @property
    def _open_socket(self) -> SmtpSocket:
        if self._socket is None:
            raise ConnectionError("The connection is closed.")
        return self._socket

    def _failed(self, stage: Stage, reply: Reply) -> SmtpError:
        self._drop()
        return SmtpError(stage, reply)

    def _drop(self) -> None:
        smtp, adopted, self._smtp, self._socket = self._smtp, self._socket, None, None
        if adopted is not None:
            adopted.release()
        if smtp is not None:
            smtp.close()


def _reply(code: int, text: bytes | str) -> Reply:
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return Reply(code, " ".join(decoded.split())[:500])
