"""What a report says about one recipient. Pure: does not import Django."""

import re
from dataclasses import dataclass
from functools import cached_property

from ..channels.base import Refused, Reply, Scope
from ..channels.replies import Stage, rule_for

# `smtp; 550 …`, `smtp;#550 …`, `x-postfix; 550-5.1.1 …`.
_CODE = re.compile(r"(?:[\w-]{1,20}\s?;)?\s?#?([245]\d\d)(?!\d)")
# Not part of an IP address.
_ENHANCED = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
# Given up after temporary failures, whatever the first digit says: Exchange Online `5.4.300 Message expired`,
# Exim “retry timeout exceeded”, qmail “this message has been in the queue too long”, RFC 3463 X.4.7.
_EXPIRED = re.compile(
    r"message expired|queue\.expired|retry timeout exceeded|in the queue too long|[45]\.4\.7(?!\d)"
    r"|delivery (?:time|period) (?:has )?expired",
    re.IGNORECASE,
)
_SENDER_SCOPES = {Scope.SENDER, Scope.UNKNOWN}


@dataclass(frozen=True)
class BounceReport:
    """The report about one recipient: `action` is failed or delayed, `status` as in RFC 3463, or empty."""

    action: str
    status: str
    diagnostic: str

    @cached_property
    def code(self) -> int:
        """The SMTP reply code; made from the status if the report quotes none, and 0 if it has neither."""
        found = _CODE.match(self.diagnostic)
        if found:
            return int(found[1])
        return {"4": 450, "5": 550}.get(self.status[:1], 0)

    @property
    def is_temporary(self) -> bool:
        """Whether the relay gave up after temporary failures: the mailbox may work again tomorrow."""
        return self.status.startswith("4") or 400 <= self.code < 500 or bool(_EXPIRED.search(self.reply.text))

    @property
    def reply(self) -> Reply:
        return Reply(0, f"{self.status} {self.diagnostic}".strip())

    @property
    def is_policy(self) -> bool:
        """Whether it is about us: policy (5.7.x), or what the table of replies says is about the sender."""
        if self._refusal.is_policy:
            return True
        return self.code >= 500 and rule_for(Stage.FINAL_DOT, Reply(self.code, self._quoted)).scope in _SENDER_SCOPES

    @property
    def address_is_gone(self) -> bool:
        return self._refusal.address_is_gone

    @property
    def _refusal(self) -> Refused:
        return Refused(self.reply)

    @property
    def _quoted(self) -> str:
        # The text as a server would reply it: the enhanced code first.
        found = _CODE.match(self.diagnostic)
        text = self.diagnostic[found.end() :].lstrip(" -") if found else self.diagnostic
        return text if text.startswith(self.status) else f"{self.status} {text}".strip()


def enhanced_status(text: str) -> str:
    """Return the first enhanced status code (RFC 3463) in a text; empty if there is none."""
    found = _ENHANCED.search(text)
    return found.group() if found else ""


def best_status(status: str, diagnostic: str) -> str:
    """Return the enhanced status code of a report, which the diagnostic often has more precisely; or empty."""
    given = enhanced_status(status[:40])
    return (enhanced_status(diagnostic) or given) if not given or given.endswith(".0.0") else given
