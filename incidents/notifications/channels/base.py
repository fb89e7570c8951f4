"""The result of sending a message on any channel: a reply if it was accepted, otherwise a typed error.

docs/delivery.md has the checklist for adding a channel.
"""

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

logger = logging.getLogger(__name__)

# RFC 3463 §2: class, subject, detail at the beginning of the text; IronPort writes “#” before it.
_ENHANCED = re.compile(r"#?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
# Addresses that do not exist (STANDARDS Q13); any other status may be temporary or local.
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.6", "5.1.10"})


_MAX_TEXT = 500


@dataclass(frozen=True)
class Reply:
    """A server's reply: `code` as in RFC 5321 §4.2. Without a reply it is 0, and `text` is our own.

    The text may be stored and shown: it is one line, without control characters, and not too long.
    """

    code: int
    text: str
    # How long the server asks us to wait.
    retry_after: timedelta = timedelta()

    def __post_init__(self) -> None:
        if len(self.text) > _MAX_TEXT or not self.text.isprintable():
            object.__setattr__(self, "text", _cleaned(self.text))

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as `4.7.500`; empty if the reply has none."""
        found = _ENHANCED.match(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}" if self.code else self.text


def _cleaned(text: str) -> str:
    # NUL, which PostgreSQL does not store, line breaks, directional marks and lone surrogates become spaces.
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:_MAX_TEXT]


class Scope(StrEnum):
    """What a reply is about, and so what has to wait."""

    MESSAGE = "message"
    MAILBOX = "mailbox"
    # The recipient's domain or MX group, or the host of a webhook.
    DESTINATION = "destination"
    # The reply names none of these: whether the mailbox or its destination has to wait is decided by evidence.
    UNKNOWN = "unknown"
    RELAY = "relay"
    # Our own address, login or reputation: the relay accepts nothing from us until staff act.
    SENDER = "sender"
    # The relay takes fewer connections at the same time; those that are open go on.
    CONNECTIONS = "connections"


class ChannelError(Exception):
    """The message was not, or may not have been, accepted."""

    def __init__(self, reply: Reply, scope: Scope = Scope.MESSAGE) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.scope = scope


class Refused(ChannelError):
    """Rejected permanently: the message is not retried."""

    @property
    def address_is_gone(self) -> bool:
        return self.reply.enhanced in _NO_SUCH_ADDRESS

    @property
    def is_policy(self) -> bool:
        """Security or policy (RFC 3463 §3.8): about the sender, not about the recipient."""
        return self.reply.enhanced.startswith("5.7.")


class Gone(Refused):
    """The server wants no more messages to this address."""

    address_is_gone = True
    is_policy = False


class Busy(ChannelError):
    """Deferred: the message was certainly not accepted, and is retried later."""


class Lost(ChannelError):
    """Uncertain: the connection was lost between the end of the message and the reply (RFC 1047)."""


def unexpected(error: Exception) -> Busy:
    """Log an error that no channel expects, and return the deferral of the message that it belongs to.

    The reply has only the name of the error: its text may contain anything.
    """
    logger.error("An unexpected error occurred while a message was sent", exc_info=error)
    return Busy(Reply(0, f"Unexpected error: {type(error).__name__}"))
