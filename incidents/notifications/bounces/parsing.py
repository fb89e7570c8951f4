"""What an email to a bounce address reports. Pure: does not import Django."""

from collections.abc import Iterator
from enum import Enum, auto

from .mail import ReturnedMail
from .report import BounceReport, best_status
from .texts import read_text

# RFC 3464, and RFC 6533 for addresses of any letters.
_STATUS = ("x-message/delivery-status", "x-message/global-delivery-status")
_RECEIPT = ("x-message/disposition-notification", "x-message/global-disposition-notification")
_FEEDBACK = ("x-message/feedback-report",)
_MAX_BLOCKS = 20


class Other(Enum):
    """An email that reports neither a failure nor a delay."""

    COMPLAINT = auto()  # the reader reported our message as spam (RFC 5965)
    NO_ACTION = auto()  # an automatic reply, a receipt
    UNKNOWN = auto()


def parse(mail: ReturnedMail) -> BounceReport | Other:
    """Return the first failed recipient, or else the first delayed one, or what else the email is."""
    if mail.texts(*_FEEDBACK):
        return _feedback(mail)
    if mail.texts(*_RECEIPT):
        return Other.NO_ACTION
    found = _report(mail) if mail.has_null_return_path else None
    if found is not None:
        return found
    is_reply = mail.is_automatic and not mail.is_from_mail_system
    return Other.NO_ACTION if is_reply else Other.UNKNOWN


def _feedback(mail: ReturnedMail) -> Other:
    types = {block.get("feedback-type", "").lower() for text in mail.texts(*_FEEDBACK) for block in _blocks(text)}
    if "abuse" in types:
        return Other.COMPLAINT
    return Other.NO_ACTION if "not-spam" in types else Other.UNKNOWN


def _report(mail: ReturnedMail) -> BounceReport | Other | None:
    blocks = [block for text in mail.texts(*_STATUS) for block in _blocks(text)]
    reports = [report for report in map(_recipient, blocks) if report]
    for action in ("failed", "delayed"):
        for report in reports:
            if report.action == action:
                return report
    if reports:
        return Other.NO_ACTION  # delivered, relayed, expanded
    return read_text(mail.text) if mail.is_from_mail_system else None


def _blocks(text: str) -> Iterator[dict[str, str]]:
    # Yield the groups of fields of a report; the first of a delivery status is about the whole message.
    fields: dict[str, str] = {}
    name, number = "", 0
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if fields:
                yield fields
                number += 1
            if number == _MAX_BLOCKS:
                return
            fields, name = {}, ""
        elif line[0] in " \t" and name:
            fields[name] = f"{fields[name]} {line.strip()}"[:2000]
        elif ":" in line:
            name, value = (part.strip() for part in line.split(":", 1))
            name = name.lower()
            fields[name] = value[:2000]


def _recipient(block: dict[str, str]) -> BounceReport | None:
    # Return the report of one recipient. Some servers leave out the action.
    diagnostic = " ".join(block.get("diagnostic-code", "").split())
    status = best_status(block.get("status", "").partition("(")[0], diagnostic)
    action = block.get("action", "").partition("(")[0].strip().lower()
    if not action and status[:1] in {"4", "5"}:
        action = "failed"
    return BounceReport(action, status, diagnostic) if action else None
