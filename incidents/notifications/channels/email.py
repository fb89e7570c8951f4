"""Mail: what an SMTP server's answer means for the letter, its destination and the relay."""

import asyncio
import re

from django.conf import settings

from ... import links
from ...masks import without_addresses
from .base import Busy, ChannelError, Lost, Refused, Reply, Scope
from .smtp import Relay, SmtpConnection, SmtpError, Stage

RECYCLE_AFTER = 100  # letters; some servers close a connection after about as many
# What nearly every address looks like, and what needs no second look.
_PLAIN = re.compile(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+")
# The server wants to know who we are, or finds that we may not send: true of every letter.
_ABOUT_US = frozenset({530, 535})


class EmailChannel:
    """One connection, used again and again by one letter after the other."""

    def __init__(self) -> None:
        self.connection = SmtpConnection(Relay.configured())

    async def deliver(self, sender: str, address: str, content: bytes) -> Reply:
        """Sends one letter; `sender` is told of a bounce. Raises Refused, Busy or Lost.

        Replies are stored and logged, so the addresses in them are masked here.
        """
        recipient = wire_address(address)
        try:
            await self.prepare()
            self._require_utf8(recipient)
            return _masked(await self._send(sender, recipient, content), address)
        except SmtpError as error:
            raise meaning(SmtpError(error.stage, _masked(error.reply, address))) from error

    async def prepare(self) -> None:
        """An open connection that is not too old. Raises Busy."""
        if self.connection.taken >= RECYCLE_AFTER:
            self.close()
        if not self.connection.is_open:
            self.connection = SmtpConnection(self.connection.relay)
            try:
                await asyncio.to_thread(self.connection.open)
            except SmtpError as error:
                raise meaning(error) from error

    def close(self) -> None:
        self.connection.close()

    async def _send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """A server may close a connection between two letters; then a new one is tried at once."""
        used = self.connection.taken > 0
        try:
            return await self.connection.send(sender, recipient, content)
        except SmtpError as error:
            if not used or self.connection.is_open or error.stage is not Stage.MAIL:
                raise
        await self.prepare()
        return await self.connection.send(sender, recipient, content)

    def _require_utf8(self, recipient: str) -> None:
        if not recipient.isascii() and not self.connection.accepts_utf8_addresses():
            raise Refused(Reply(553, "5.6.7 The mail server takes no address with such letters."))


def _masked(reply: Reply, address: str) -> Reply:
    return Reply(reply.code, without_addresses(reply.text, address))


def wire_address(address: str) -> str:
    """The address as SMTP wants it: the domain in IDNA. Raises Refused for what cannot be one."""
    if _PLAIN.fullmatch(address):
        return address
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or any(sign.isspace() or sign in "<>\0" for sign in address):
        raise Refused(Reply(553, "5.1.3 This is no mail address."))
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise Refused(Reply(553, "5.1.3 This is no mail address.")) from error


def meaning(error: SmtpError) -> ChannelError:
    """What a failed transaction says, and about whom (STANDARDS Q1, Q2, Q8, Q13).

    A 5yz before any recipient was named refuses us, not the letter: a wrong password
    must not turn an announcement into ten thousand failures.
    """
    stage, reply = error.stage, error.reply
    if reply.code == 0:
        if stage is Stage.FINAL_DOT:
            return Lost(reply)
        return Busy(reply, Scope.RELAY)
    if stage is Stage.CONNECT or reply.code == 421 or _is_about_us(stage, reply):
        return Busy(reply, Scope.RELAY)
    if reply.is_permanent:
        return Refused(reply)
    if stage is Stage.MAIL:
        return Busy(reply, Scope.RELAY)
    return Busy(reply, Scope.LETTER if _is_about_the_mailbox(reply) else Scope.DESTINATION)


def _is_about_us(stage: Stage, reply: Reply) -> bool:
    return reply.code in _ABOUT_US or (stage is Stage.MAIL and reply.enhanced.startswith("5.7."))


def _is_about_the_mailbox(reply: Reply) -> bool:
    """X.1.x and X.2.x: an address or a full mailbox says nothing about its neighbours (RFC 3463 §3.2, §3.3)."""
    return reply.enhanced.startswith(("4.1.", "4.2."))


def sender_address() -> str:
    """The bare address of DEFAULT_FROM_EMAIL."""
    text = settings.DEFAULT_FROM_EMAIL
    return text[text.rindex("<") + 1 : text.rindex(">")] if "<" in text else text


def envelope_sender(delivery_id: int) -> str:
    """Whom a server tells that a letter came back: an address of this delivery alone, where bounces are read."""
    if not settings.BOUNCE_ADDRESS:
        return sender_address()
    name, _at, host = settings.BOUNCE_ADDRESS.rpartition("@")
    return f"{name}+{links.sign_bounce(delivery_id)}@{host}"
