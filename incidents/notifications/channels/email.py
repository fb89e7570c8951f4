"""The email channel: one message to one recipient over a reused connection. `replies` has what a refusal means."""

import asyncio
import re
import time

from django.conf import settings

from ... import domains, links
from ...masks import without_addresses
from .base import ChannelError, Refused, Reply
from .replies import Stage, rule_for
from .smtp import PIPELINING_PROOF, Pipelining, PipeliningUnanswered, SmtpConnection
from .smtp_opening import Relay, SmtpError

RECYCLE_AFTER = 100  # messages; some servers close a connection after about as many
_AFTER_MAIL = frozenset({Stage.RCPT, Stage.DATA, Stage.FINAL_DOT})
# Nearly all addresses match this and need no further check.
_PLAIN = re.compile(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+")


class EmailChannel:
    """One connection that is reused, for one message at a time. Channels to the same relay share `pipelining`."""

    def __init__(self, pipelining: Pipelining | None = None) -> None:
        self.pipelining = pipelining or Pipelining()
        self.connection = SmtpConnection(Relay.configured(), self.pipelining)
        self.is_aborted = False

    async def deliver(self, sender: str, address: str, content: bytes) -> Reply:
        """Send one message; bounces go to `sender`. Raises Refused, Busy or Lost.

        Replies are stored and logged, so addresses in them are masked here.
        """
        recipient = smtp_address(address)
        try:
            await self._open()
            self._require_utf8(recipient)
            return _masked(await self._send(sender, recipient, content), address)
        except SmtpError as error:
            raise classify(error, address) from error

    async def prepare(self) -> None:
        """Open a connection if there is none or it has sent enough messages. Raises Busy."""
        try:
            await self._open()
        except SmtpError as error:
            raise classify(error) from error

    def abort(self) -> None:
        """End what is running as if the connection was lost, and open no other."""
        self.is_aborted = True
        self.connection.abort()

    def close(self) -> None:
        self.connection.close()

    async def _open(self) -> None:
        if self.is_aborted:
            raise SmtpError(Stage.CONNECT, Reply(0, "The worker was stopped."))
        if self.connection.accepted >= RECYCLE_AFTER:
            self.close()
        if not self.connection.is_open:
            self.connection = SmtpConnection(self.connection.relay, self.pipelining)
            await asyncio.to_thread(_open, self.connection)

    async def _send(self, sender: str, recipient: str, content: bytes) -> Reply:
        # A server may close a connection between two messages; the second is retried at once on a new one.
        is_reused = self.connection.transactions > 0
        try:
            return await self.connection.send(sender, recipient, content)
        except PipeliningUnanswered:
            return await self._send_without_pipelining(sender, recipient, content)
        except SmtpError as error:
            if not is_reused or self.connection.is_open or error.stage is not Stage.MAIL:
                raise
        await self._open()
        return await self.connection.send(sender, recipient, content)

    async def _send_without_pipelining(self, sender: str, recipient: str, content: bytes) -> Reply:
        # PIPELINING is broken if single commands get replies soon; otherwise it may have been the server.
        self.pipelining.is_allowed = False
        try:
            await self._open()
            started_at = time.monotonic()
            reply = await self.connection.send(sender, recipient, content)
        except SmtpError as error:
            self._judge_pipelining(bool(error.reply.code) and error.stage in _AFTER_MAIL)
            raise
        self._judge_pipelining(time.monotonic() - started_at < PIPELINING_PROOF / 2)
        return reply

    def _judge_pipelining(self, is_broken: bool) -> None:
        self.pipelining.found_broken = is_broken
        self.pipelining.is_allowed = not is_broken

    def _require_utf8(self, recipient: str) -> None:
        if not recipient.isascii() and not self.connection.accepts_utf8_addresses():
            raise Refused(Reply(553, "5.6.7 The mail server does not accept addresses with non-ASCII characters."))


def _open(connection: SmtpConnection) -> None:
    # In the thread: a StopIteration could not leave it, and the task would wait for ever.
    try:
        connection.open()
    except SmtpError:
        raise
    except Exception as error:
        raise SmtpError(Stage.CONNECT, Reply(0, f"{type(error).__name__}: {error}")) from error


def _masked(reply: Reply, address: str) -> Reply:
    text = without_addresses(reply.text, address)
    return reply if text == reply.text else Reply(reply.code, text)


def smtp_address(address: str) -> str:
    """Return the address in the form of SMTP, with its domain in IDNA. Raises Refused if it is not valid."""
    if _PLAIN.fullmatch(address):
        return address
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or any(char.isspace() or char in "<>\0" for char in address):
        raise Refused(Reply(553, "5.1.3 This is not a valid email address."))
    try:
        return f"{local}@{domains.to_ascii(domain)}"
    except ValueError as error:
        raise Refused(Reply(553, "5.1.3 This is not a valid email address.")) from error


def classify(error: SmtpError, address: str = "") -> ChannelError:
    """Return the typed error of a failed transaction, as the table of replies has it (STANDARDS Q1, Q2, Q8, Q13)."""
    rule = rule_for(error.stage, error.reply)
    return rule.error(_masked(error.reply, address), rule.scope)


def sender_address() -> str:
    """Return the bare address of DEFAULT_FROM_EMAIL."""
    text = settings.DEFAULT_FROM_EMAIL
    return text[text.rindex("<") + 1 : text.rindex(">")] if "<" in text else text


def envelope_sender(delivery_id: int) -> str:
    """Return the envelope sender: with BOUNCE_ADDRESS, a signed address that only this delivery has."""
    if not settings.BOUNCE_ADDRESS:
        return sender_address()
    name, _at, host = settings.BOUNCE_ADDRESS.rpartition("@")
    return f"{name}+{links.sign_bounce(delivery_id)}@{host}"
