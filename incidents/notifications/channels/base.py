"""What every channel says about a letter it was given: taken, or one of three typed errors.

docs/delivery.md has the checklist for adding a channel.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# RFC 3463 §2: class, subject, detail at the beginning of the text.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
# Addresses that do not exist (STANDARDS Q13); anything else may be a passing or a local matter.
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.6", "5.1.10"})


@dataclass(frozen=True)
class Reply:
    """A server's answer: `code` as in RFC 5321 §4.2, 0 where there was none and `text` is our own words."""

    code: int
    text: str
    # The pause that the server asks for.
    retry_after: timedelta = timedelta()

    @property
    def enhanced(self) -> str:
        """`4.7.500`; empty where the server does not say."""
        found = _ENHANCED.match(self.text)
        return found.group() if found else ""

    @property
    def is_permanent(self) -> bool:
        """By the first digit. 552 is “too many recipients” to some, which passes (RFC 5321 §4.5.3.1.10)."""
        return 500 <= self.code <= 599 and self.code != 552

    def __str__(self) -> str:
        return f"{self.code} {self.text}" if self.code else self.text


class Scope(StrEnum):
    """Whom an answer speaks about, and so what has to wait."""

    LETTER = "letter"
    DESTINATION = "destination"
    RELAY = "relay"


class ChannelError(Exception):
    """A letter that was not, or may not have been, taken."""

    def __init__(self, reply: Reply, scope: Scope = Scope.LETTER) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.scope = scope


class Refused(ChannelError):
    """For good: the same letter will not be offered again."""

    @property
    def address_is_gone(self) -> bool:
        return self.reply.enhanced in _NO_SUCH_ADDRESS

    @property
    def is_policy(self) -> bool:
        """Security or policy (RFC 3463 §3.8): about us rather than about the reader."""
        return self.reply.enhanced.startswith("5.7.")


class Gone(Refused):
    """The server says that nothing more may come to this address."""

    address_is_gone = True
    is_policy = False


class Busy(ChannelError):
    """Not now. The letter was certainly not taken, and is offered again after a pause."""


class Lost(ChannelError):
    """Nobody knows: the connection was lost between the end of the letter and the answer (RFC 1047)."""
