"""What a reply of a mail server is about, and whether it is final: one table, whose first matching row counts.

Busy is temporary, Refused permanent; Lost means that the message may have been accepted.

The first digit of the code says whether to try again (RFC 5321 §4.2.1), the enhanced code what the reply
is about (RFC 3463 §3, RFC 5248 and its IANA registry). Other rows are what servers do in practice, with
their source. Pure: does not import Django.

A relay may contact the recipient's server during the transaction and pass its reply on. So a reply to
RCPT, DATA or the final dot counts against the relay or ourselves only if it cannot be about the
recipient: otherwise one misconfigured domain would hold up all others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from .base import Busy, ChannelError, Lost, Refused, Reply, Scope


class Stage(Enum):
    """The stages of a connection and its transactions."""

    CONNECT = auto()
    GREETING = auto()
    EHLO = auto()
    STARTTLS = auto()
    AUTH = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    CONTENT = auto()
    FINAL_DOT = auto()


@dataclass(frozen=True)
class Rule:
    """A row of the table.

    `code` and `text` are regular expressions. `status` is the enhanced code without its class, as
    alternatives separated by spaces, where `*` is any detail and `-` means that the reply has none.
    """

    stages: frozenset[Stage]
    code: str
    status: str
    text: str
    scope: Scope
    error: type[ChannelError]


_OPENING = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
_AUTH = frozenset({Stage.AUTH})
_MAIL = frozenset({Stage.MAIL})
_RCPT = frozenset({Stage.RCPT})
_DATA = frozenset({Stage.DATA})
_DOT = frozenset({Stage.FINAL_DOT})
_RECIPIENT = _RCPT | _DATA | _DOT
_ALL = frozenset(Stage)

_MESSAGE, _MAILBOX, _DESTINATION, _UNKNOWN = Scope.MESSAGE, Scope.MAILBOX, Scope.DESTINATION, Scope.UNKNOWN
_RELAY, _SENDER, _CONNECTIONS = Scope.RELAY, Scope.SENDER, Scope.CONNECTIONS

# Postfix: “too many connections from …”; Exim, Amazon SES: “Too many concurrent SMTP connections”; Exchange
# Online: “Concurrent connections limit exceeded”, “sender thread limit exceeded”; Sendmail: “Too many open
# connections”, “Connection rate limit exceeded”; Amazon SES: “Maximum sending rate exceeded”.
_TOO_MANY_CONNECTIONS = (
    r"too many (\w+ )*(connections|sessions)|connections? (rate )?limit|concurrent connection"
    r"|(sender thread|concurrency) limit|maximum sending rate"
)
# Gmail: “Daily user sending limit exceeded”, “SMTP relay limit exceeded”; Exchange Online: “reached your daily limit
# for message recipients”, “SendAsDenied”, “bad outbound sender”; Amazon SES: “Daily message quota exceeded”.
_OUR_ACCOUNT = (
    r"daily .*\b(send|relay|message)|SMTP relay (\w+ )*limit|bad outbound sender|OutboundSpam|SendAsDenied"
    r"|allowed to send as"
)
# Postfix rejects the sender at RCPT too, Exim and Sendmail only the relaying.
_SENDER_OR_RECIPIENT = (
    r"sender address rejected: (domain not found|not owned|not logged in)"
    r"|relay(ing)? (access )?denied|(unable|not permitted|not allowed) to relay|relay not permitted"
)
_BLOCKED = r"block|blacklist|denylist|reputation|spamhaus|denied|rejected|refused"
_FULL = r"mailbox (is |size )?(full|limit)|quota|storage"
_TOO_LARGE = r"too (large|big|long)|larger than|size"
_NO_SPACE = r"(system|disk) (storage|resources|space)"
_GREYLISTED = r"gr[ae]y-?\s?list"

RULES = (
    # No reply. A connection that is lost after the final dot leaves the outcome open (RFC 1047).
    Rule(_DOT, "0", "", "", _RELAY, Lost),
    Rule(_ALL, "0", "", "", _RELAY, Busy),
    # 2yz or 3yz where the protocol has another: a broken server.
    Rule(_DOT, "[123]..", "", "", _RELAY, Lost),
    Rule(_ALL, "[123]..", "", "", _RELAY, Busy),
    #
    # Too many connections. Exchange Online has the same code for one busy mailbox.
    Rule(_RECIPIENT, "4..", "", "recipient thread limit", _MAILBOX, Busy),
    Rule(_OPENING | _MAIL | _DOT, "4..", "", _TOO_MANY_CONNECTIONS, _CONNECTIONS, Busy),
    Rule(_OPENING | _MAIL | _DOT, "432", "3.2", "", _CONNECTIONS, Busy),
    Rule(_RCPT | _DATA, "421", "", _TOO_MANY_CONNECTIONS, _CONNECTIONS, Busy),
    #
    # Opening. RFC 4954 §6: 432 and 5yz are about the login, 454 about the server. A wrong password
    # fails nothing: it is the same for ten thousand messages.
    Rule(_AUTH, "432", "", "", _SENDER, Busy),
    Rule(_AUTH, "4..", "", "", _RELAY, Busy),
    Rule(_AUTH, "5..", "", "", _SENDER, Busy),
    # 554 at the greeting: no service here (RFC 5321 §3.1), or not for our address.
    Rule(_OPENING, "5..", "7.*", "", _SENDER, Busy),
    Rule(_OPENING, "5..", "", _BLOCKED, _SENDER, Busy),
    Rule(_OPENING | {Stage.CONTENT}, "...", "", "", _RELAY, Busy),
    #
    # MAIL: no recipient has been named yet, so it is about the relay or ourselves. Only SMTPUTF8 is
    # requested for single messages (RFC 6531 §3.5).
    Rule(_MAIL, "5..", "6.7 6.8 6.9 6.10", "", _MESSAGE, Refused),
    Rule(_MAIL, "5..", "", "", _SENDER, Busy),
    Rule(_MAIL, "4..", "1.7 1.8", "", _SENDER, Busy),
    Rule(_MAIL, "4..", "", _OUR_ACCOUNT, _SENDER, Busy),
    Rule(_MAIL, "4..", "", "", _RELAY, Busy),
    #
    # After that, still about ourselves: our account is blocked or has reached a limit (Exchange Online 5.1.90,
    # Gmail 5.4.5).
    Rule(_RECIPIENT, "[45]..", "", _OUR_ACCOUNT, _SENDER, Busy),
    Rule(_RECIPIENT, "5..", "1.90 4.5", "", _SENDER, Busy),
    # Our relay may say this about all recipients, and the recipient's server about one domain: the sender, the
    # relaying or the login is rejected. So it fails nothing, and evidence decides what waits.
    Rule(_RECIPIENT, "530|535|538", "", "", _UNKNOWN, Busy),
    Rule(_RECIPIENT, "[45]..", "", _SENDER_OR_RECIPIENT, _UNKNOWN, Busy),
    Rule(_RECIPIENT, "[45]..", "1.7 1.8 7.54 7.57 7.60", "", _UNKNOWN, Busy),
    # The commands got out of step.
    Rule(_RECIPIENT, "500|502|503", "", "", _RELAY, Busy),
    #
    # This transaction only: each has one recipient, so a later one may be accepted. Some servers have 552 for
    # 452 (RFC 5321 §4.5.3.1.10); Gmail counts the policies of the domain too (452 4.5.3).
    Rule(_RECIPIENT, "[45]..", "5.3", "", _MESSAGE, Busy),
    Rule(_RECIPIENT, "[45]..", "", "too many recipients", _MESSAGE, Busy),
    # A full mailbox may have room tomorrow, whatever the first digit says (Dovecot 552 and 554 5.2.2).
    Rule(_RECIPIENT, "[45]..", "2.2", "", _MAILBOX, Busy),
    Rule(_RECIPIENT, "5..", "-", _FULL, _MAILBOX, Busy),
    # The message is too large for the server or the mailbox (Exchange Online 5.2.270).
    Rule(_RECIPIENT, "5..", "2.3 2.270 3.4", "", _MESSAGE, Refused),
    Rule(_RECIPIENT, "55[024]", "-", _TOO_LARGE, _MESSAGE, Refused),
    Rule(_RCPT, "552", "-", "", _UNKNOWN, Busy),
    Rule(_DATA | _DOT, "552", "-", "", _MAILBOX, Busy),
    #
    # Temporary: the mailbox, greylisting included (Postgrey 4.2.0, milter-greylist 4.7.1).
    Rule(_RECIPIENT, "4..", "", _GREYLISTED, _MAILBOX, Busy),
    Rule(_RECIPIENT, "4..", "1.* 2.*", "", _MAILBOX, Busy),
    # Any other 421 closes our own connection (RFC 5321 §3.8). It may be the relay's or, passed on, the recipient's
    # server's; the relay's own shows when the next connection is opened.
    Rule(_RECIPIENT, "421", "", "", _UNKNOWN, Busy),
    # The message.
    Rule(_RECIPIENT, "4..", "3.4 5.* 6.*", "", _MESSAGE, Busy),
    # 4.7.1 may be any policy, such as greylisting that does not say so (Plesk).
    Rule(_RECIPIENT, "4..", "7.1", "", _UNKNOWN, Busy),
    # The destination: system, network, and limits of what it takes from us (Exchange Online 4.7.500, Gmail 4.7.28).
    Rule(_RECIPIENT, "4..", "3.* 4.* 7.*", "", _DESTINATION, Busy),
    Rule(_RECIPIENT, "452", "-", _NO_SPACE, _DESTINATION, Busy),
    # `450 mailbox unavailable`: decided by evidence.
    Rule(_RECIPIENT, "4..", "", "", _UNKNOWN, Busy),
    #
    # Permanent: the mailbox (Exchange Online has 5.4.1 for unknown recipients), or the message and policy.
    Rule(_RECIPIENT, "5..", "1.* 2.* 4.1", "", _MAILBOX, Refused),
    Rule(_RCPT, "55[013]", "-", "", _MAILBOX, Refused),
    Rule(_RECIPIENT, "5..", "", "", _MESSAGE, Refused),
)


def rule_for(stage: Stage, reply: Reply) -> Rule:
    """Return the first row that matches the reply."""
    line = f"{reply.code}|{reply.enhanced[2:] or '-'}|{reply.text}"
    return next(rule for rule, pattern in _PATTERNS[stage] if pattern.match(line))


def _pattern(rule: Rule) -> re.Pattern[str]:
    statuses = "|".join(re.escape(status).replace(r"\*", r"\d+") for status in rule.status.split()) or r"[\d.-]+"
    text = f".*?(?:{rule.text})" if rule.text else ""
    return re.compile(rf"(?:{rule.code})\|(?:{statuses})\|{text}", re.IGNORECASE)


def _rules_at(stage: Stage) -> Iterator[tuple[Rule, re.Pattern[str]]]:
    return ((rule, _pattern(rule)) for rule in RULES if stage in rule.stages)


_PATTERNS = {stage: tuple(_rules_at(stage)) for stage in Stage}
