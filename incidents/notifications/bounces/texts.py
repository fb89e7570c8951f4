"""Reads reports that have no machine-readable part. Pure: does not import Django.

Formats: qmail (QSBMF, cr.yp.to/proto/qsbmf.txt), Exim, older Sendmail and Exchange, and others that
quote the reply of a server.
"""

import re

from .report import BounceReport, best_status, enhanced_status

_MAX_LINES = 200
_MAX_LINE = 500
# What follows is a copy of our own message.
_COPY_FOLLOWS = re.compile(
    r"[ \t>]*-{3,}.{0,80}\b(?:copy of (?:the|your)|original message|unsent message|message header|below this line"
    r"|returned message|headers of)|included is a copy of",
    re.IGNORECASE,
)
# At the beginning of a line, or after what introduces a quotation: `<<< 550 …`, `said: 550 …`, `returned '550 …`.
_REPLY = re.compile(r"(?:^|[:;'\"(>#]|\b(?:said|error|code|status))[ \t]{0,4}#?([45]\d\d(?:[ -]|: ).*)", re.MULTILINE)
_QMAIL = re.compile(r"\s{0,20}Hi\. This is the ")
_EXIM = re.compile(r"\s{0,20}This message was created automatically by mail delivery software")
_RECIPIENT = re.compile(r"\s*<?[^\s<>@]{1,100}@[^\s<>]{1,255}>?:?\s*")
_UNKNOWN_USER = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|person|account)|no mailbox here by that name"
    r"|(?:user|recipient|mailbox|account|address)(?: \S{1,255})? (?:does not|doesn['’]t) exist"
    r"|(?:recipient|mailbox|address)(?: was)? not found|address couldn['’]t be found|unknown (?:recipient|address)",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"not (?:yet )?been delivered|delivery (?:is|has been) delayed|will (?:continue to try|keep trying|be retried)"
    r"|still (?:being retried|trying)|no action is required|warning message only|do not need to resend",
    re.IGNORECASE,
)


def read_text(text: str) -> BounceReport | None:
    """Return what a text reports; None if it quotes no reply, and is in no known format."""
    told = _own_text(text)
    words = " ".join(told.split())
    is_known = bool(_QMAIL.match(text) or _EXIM.match(text))
    if _DELAYED.search(words):
        return BounceReport("delayed", enhanced_status(words), _diagnostic(told, is_known))
    diagnostic = _diagnostic(told, is_known)
    status = best_status("", diagnostic) or enhanced_status(words)
    if _UNKNOWN_USER.search(words) and diagnostic[:1] != "4" and status[:1] != "4" and status[2:] in {"", "0.0"}:
        status = "5.1.1"
    if not (status or diagnostic):
        return None
    return BounceReport("failed", status, diagnostic)


def _own_text(text: str) -> str:
    # Return the text before the copy of our message.
    lines: list[str] = []
    for line in text.splitlines()[:_MAX_LINES]:
        if _COPY_FOLLOWS.match(line[:_MAX_LINE]):
            break
        lines.append(line[:_MAX_LINE])
    return "\n".join(lines)


def _diagnostic(told: str, is_known: bool) -> str:
    # Return the quoted reply with the lines that belong to it; in the known formats, else, what follows the address.
    if quoted := _REPLY.search(told):
        paragraph = told[quoted.start(1) :].split("\n\n", maxsplit=1)[0]
        return " ".join(paragraph.split())[:500]
    if not is_known:
        return ""
    lines = told.splitlines()
    start = next((number for number, line in enumerate(lines) if _RECIPIENT.fullmatch(line)), len(lines))
    paragraph = "\n".join(lines[start + 1 :]).split("\n\n")[0]
    return " ".join(paragraph.split())[:500] or "The report gives no reason."
