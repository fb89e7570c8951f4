"""An SMTP connection that is reused, with pipelined commands if the server supports them.

It is not smtplib's, so that one thread can run many: MAIL, RCPT and DATA in one write
(RFC 2920 §3.1), a timeout per command (RFC 5321 §4.5.3.2), and errors that contain the
stage they occurred at.
"""

import contextlib
import math
import socket
from dataclasses import dataclass

from django.conf import settings

from .base import Reply
from .replies import Stage
from .smtp_opening import Opening, Relay, SmtpError
from .smtp_socket import SmtpSocket

# Seconds to wait for each reply (RFC 5321 §4.5.3.2, RFC 4954 §4); EMAIL_TIMEOUT can shorten them.
TIMEOUTS = {
    Stage.CONNECT: 300,
    Stage.GREETING: 300,
    Stage.EHLO: 300,
    Stage.STARTTLS: 120,
    Stage.AUTH: 180,
    Stage.MAIL: 300,
    Stage.RCPT: 300,
    Stage.DATA: 120,
    Stage.CONTENT: 180,
    Stage.FINAL_DOT: 600,
}
# Seconds after the reply to a pipelined MAIL in which the next reply comes if PIPELINING works.
PIPELINING_PROOF = 30
# The first digit of the reply with which a transaction goes on.
_ACCEPTED = {Stage.MAIL: 2, Stage.RCPT: 2, Stage.DATA: 3, Stage.FINAL_DOT: 2}


class PipeliningUnanswered(SmtpError):
    """The server replied to the first of the pipelined commands and to no other."""


@dataclass
class Pipelining:
    """What is known of PIPELINING at a relay (RFC 2920); all connections to it share it.

    Some servers, or firewalls before them, offer it and discard all commands but the first. Such a
    relay gets one command at a time: `found_broken` says that this has to be remembered.
    """

    is_allowed: bool = True
    works: bool = False
    found_broken: bool = False


class SmtpConnection:
    """One connection, for one message at a time. `open` blocks; call it in a thread.

    After an SmtpError it is reset and can be reused if `is_open`.
    """

    def __init__(self, relay: Relay, pipelining: Pipelining | None = None) -> None:
        self.relay = relay
        self.pipelining = pipelining or Pipelining()
        self.accepted = 0  # messages on this connection, so that the caller can recycle it
        self.transactions = 0
        self._opening: Opening | None = None
        self._connected: socket.socket | None = None
        self._socket: SmtpSocket | None = None  # the same connection, from the first message on
        self._extensions: dict[str, str] = {}
        self._timeouts = {stage: min(seconds, settings.EMAIL_TIMEOUT) for stage, seconds in TIMEOUTS.items()}

    @property
    def is_open(self) -> bool:
        return self._connected is not None

    def open(self) -> None:
        """Connect, start TLS and log in. Raises SmtpError."""
        self._opening = opening = Opening(self.relay, self._timeouts)
        opening.run()
        self._connected, self._extensions = opening.connected, opening.extensions

    async def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """Send one message to one recipient. `content` has CRLF line endings, also at its end.

        Return the reply to the final dot, a 2yz. Raises SmtpError otherwise; at stage
        FINAL_DOT with code 0 the message may have been accepted.
        """
        self._adopt_socket()
        self.transactions += 1
        commands = self._commands(sender, recipient)
        replies = await self._pipelined(commands) if self._pipelines else await self._one_by_one(commands)
        for stage, reply in replies:
            if not _is_accepted(stage, reply):
                is_lost = _is_out_of_step(*replies[-1])
                await self._abort(stage, reply, awaits_content=replies[-1][1].code == 354, is_lost=is_lost)
                raise SmtpError(stage, reply)
        return await self._finish(content)

    def close(self) -> None:
        """Send QUIT without waiting for the reply: nothing depends on it."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                self._connected.send(b"QUIT\r\n")
            self._drop()

    def abort(self) -> None:
        """Make the opening or the transaction that is running fail at its present stage."""
        if self._socket is not None:
            self._socket.abort()
        elif self._opening is not None:
            self._opening.abort()

    def accepts_utf8_addresses(self) -> bool:
        return "smtputf8" in self._extensions

    # -- a transaction ---------------------------------------------------------------------

    @property
    def _pipelines(self) -> bool:
        return self.pipelining.is_allowed and "pipelining" in self._extensions

    def _commands(self, sender: str, recipient: str) -> list[tuple[Stage, bytes]]:
        utf8 = "" if recipient.isascii() else " SMTPUTF8"
        return [
            (Stage.MAIL, f"MAIL FROM:<{sender}>{utf8}\r\n".encode()),
            (Stage.RCPT, f"RCPT TO:<{recipient}>\r\n".encode()),
            (Stage.DATA, b"DATA\r\n"),
        ]

    async def _pipelined(self, commands: list[tuple[Stage, bytes]]) -> list[tuple[Stage, Reply]]:
        await self._write(b"".join(command for _stage, command in commands), commands[0][0])
        replies = []
        for stage, _command in commands:
            is_proven = self.pipelining.works or stage is Stage.MAIL
            replies.append((stage, await (self._read(stage) if is_proven else self._read_proof(stage))))
            if _is_out_of_step(*replies[-1]):
                return replies
        self.pipelining.works = True
        return replies

    async def _read_proof(self, stage: Stage) -> Reply:
        # Read the reply to a command that the server has only seen if its PIPELINING works.
        try:
            return await self._read(stage, PIPELINING_PROOF)
        except SmtpError as error:
            if isinstance(error.__cause__, TimeoutError):
                raise PipeliningUnanswered(stage, error.reply) from error
            raise

    async def _one_by_one(self, commands: list[tuple[Stage, bytes]]) -> list[tuple[Stage, Reply]]:
        # Stop at the first command that is rejected.
        replies = []
        for stage, command in commands:
            await self._write(command, stage)
            replies.append((stage, await self._read(stage)))
            if not _is_accepted(*replies[-1]):
                break
        return replies

    async def _finish(self, content: bytes) -> Reply:
        # A failed write has not delivered the final dot, so only a failed read leaves the outcome uncertain.
        if content.startswith(b"."):
            content = b"." + content
        await self._write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n", Stage.CONTENT)
        reply = await self._read(Stage.FINAL_DOT)
        if not _is_accepted(Stage.FINAL_DOT, reply):
            await self._abort(Stage.FINAL_DOT, reply, awaits_content=False)
            raise SmtpError(Stage.FINAL_DOT, reply)
        self.accepted += 1
        return reply

    async def _abort(self, rejected: Stage, reply: Reply, *, awaits_content: bool, is_lost: bool = False) -> None:
        # Leave the connection ready for another message, or closed.
        #
        # A server may reply 354 although it rejected the only recipient. It then waits for
        # content, and a lone dot gives it an empty message to reject (RFC 2920 §3.1). A
        # server that has a recipient might accept the empty message, so the connection to
        # it is closed, as it is to one that replies what a command does not allow: it may
        # have sent two replies to one command, and take all that follows for content.
        if is_lost or _is_out_of_step(rejected, reply) or (awaits_content and rejected is not Stage.RCPT):
            self._drop()
        elif rejected is not Stage.FINAL_DOT:
            await self._reset(awaits_content=awaits_content)

    async def _reset(self, *, awaits_content: bool) -> None:
        with contextlib.suppress(SmtpError):
            if awaits_content:
                await self._write(b".\r\n", Stage.CONTENT)
                await self._read(Stage.FINAL_DOT)
            await self._write(b"RSET\r\n", Stage.MAIL)
            if not _is_accepted(Stage.MAIL, await self._read(Stage.MAIL)):
                self._drop()

    # -- reading and writing ---------------------------------------------------------------

    def _adopt_socket(self) -> None:
        # A server that has sent something without being asked is about to close, or is out of step.
        if self._socket is None and self._connected is not None:
            self._socket = SmtpSocket(self._connected)
        if self._socket is not None and (unasked := self._socket.unasked()):
            raise self._failed(Stage.MAIL, unasked)

    async def _write(self, data: bytes, stage: Stage) -> None:
        try:
            await self._open_socket.write(data, self._timeouts[stage])
        except Exception as error:
            raise self._failed(stage, _no_reply(error)) from error

    async def _read(self, stage: Stage, seconds: float = math.inf) -> Reply:
        # Return the next reply. At any stage, 421 means that the server closes the connection.
        try:
            reply = await self._open_socket.read_reply(min(seconds, self._timeouts[stage]))
        except Exception as error:  # whatever it is, the stage decides whether the message may have been accepted
            raise self._failed(stage, _no_reply(error)) from error
        if reply.code == 421:
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
        connected, adopted, self._connected, self._socket = self._connected, self._socket, None, None
        if adopted is not None:
            adopted.release()
        if connected is not None:
            connected.close()


def _is_accepted(stage: Stage, reply: Reply) -> bool:
    return reply.code // 100 == _ACCEPTED[stage]


def _is_out_of_step(stage: Stage, reply: Reply) -> bool:
    # Neither accepted nor rejected: the next reply may be to anything.
    return reply.code < 400 and not _is_accepted(stage, reply)


def _no_reply(error: Exception) -> Reply:
    return Reply(0, f"{type(error).__name__}: {error}")
