"""Reads any bytes as an email: malformed MIME raises nothing, and what is read is bounded. Pure: no Django.

Returned messages inside it are not parsed.
"""

import email
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import header, policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from typing import TypeVar

# A report is at the beginning of an email; some have pictures before it.
MAX_EMAIL_BYTES = 1024 * 1024
_MAX_HEADERS = 256 * 1024
_MAX_PART = 64 * 1024
_MAX_PARTS = 50
# What the email package raises for malformed emails, such as thousands of nested parts or comments.
_MALFORMED = (MessageError, RecursionError, LookupError, ValueError, TypeError)
# Python's own codecs include some that are no character sets, or are slow.
_CHARSET = re.compile(
    r"us-?ascii|utf-?(7|8|16)|unicode-1-1-utf-7|iso-(8859|2022)-\w+|(windows-|cp)\d+|gb\w+|big5|euc-\w+|shift_jis|koi8-\w"
)
_TAG = re.compile(r"<[^<>]*>")
_SYSTEM_SENDER = re.compile(
    r"(mailer-?daemon|postmaster|mail-?daemon|microsoftexchange[0-9a-f]{32})(@|$)", re.IGNORECASE
)
_AUTOMATIC_SUBJECT = re.compile(
    r"auto(matic|matisk)?[ -]?(reply|svar|response)|autosvar|out of (the )?office|ikke til stede|fravær", re.IGNORECASE
)
_AUTOMATIC_HEADERS = ("X-Autoreply", "X-Auto-Reply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply")
_AUTOMATIC_PRECEDENCE = {"auto_reply", "bulk", "junk", "list"}


T = TypeVar("T")


class _Part(Message):
    # Python parses the contents of message/… as further messages; here they are text like any other.
    def get_content_type(self) -> str:
        return super().get_content_type().replace("message/", "x-message/", 1)


@dataclass(frozen=True)
class ReturnedMail:
    """The headers, and the parts as (type, text); the types message/… begin with x-message/."""

    headers: Message
    parts: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Return a decoded header as one line; empty if it is missing."""
        raw = str(self.headers.get(name, ""))[:2000]
        text = _attempt(lambda: str(header.make_header(header.decode_header(raw))), raw)
        return " ".join("".join(char if char.isprintable() else " " for char in text).split())

    def all_headers(self, *names: str) -> list[str]:
        return [str(value)[:2000] for name in names for value in self.headers.get_all(name, [])]

    def texts(self, *types: str) -> list[str]:
        return [text for one, text in self.parts if one in types]

    @property
    def text(self) -> str:
        """The text for a human reader."""
        for text in self.texts("text/plain"):
            if text.strip():
                return text
        return "\n".join(_TAG.sub(" ", text) for text in self.texts("text/html")[:1])

    @property
    def content_type(self) -> str:
        return self.headers.get_content_type()

    @property
    def sender(self) -> str:
        return _attempt(lambda: parseaddr(self.header("From"))[1], "")

    @property
    def has_null_return_path(self) -> bool:
        """Reports have the null return path (RFC 5321 §4.5.5); some servers write their own address instead."""
        path = self.header("Return-Path").strip("<> ")
        return not path or _SYSTEM_SENDER.match(path) is not None

    @property
    def is_from_mail_system(self) -> bool:
        """Whether it claims to be a report, in any format."""
        is_report = self.content_type == "multipart/report" or "X-Failed-Recipients" in self.headers
        return is_report or _SYSTEM_SENDER.match(self.sender) is not None

    @property
    def is_automatic(self) -> bool:
        """Whether it is an automatic reply (RFC 3834 §5, and what programs wrote before it)."""
        submitted = self.header("Auto-Submitted").partition(";")[0].strip().lower()
        if submitted not in {"", "no"} or self.header("Precedence").lower() in _AUTOMATIC_PRECEDENCE:
            return True
        named = any(name in self.headers for name in _AUTOMATIC_HEADERS)
        return named or _AUTOMATIC_SUBJECT.match(self.header("Subject")) is not None


def read(raw: bytes) -> ReturnedMail:
    """Read the first MAX_EMAIL_BYTES of an email."""
    raw = raw[:MAX_EMAIL_BYTES]
    message = _attempt(lambda: email.message_from_bytes(raw, _class=_Part, policy=policy.compat32), None)
    return read_headers(raw) if message is None else ReturnedMail(message, tuple(_parts(message)))


def read_headers(raw: bytes) -> ReturnedMail:
    """Read the headers, and no part."""
    head = raw[:_MAX_HEADERS]
    return ReturnedMail(BytesHeaderParser(_class=_Part, policy=policy.compat32).parsebytes(head), ())


def _attempt(read: Callable[[], T], fallback: T) -> T:
    try:
        return read()
    except _MALFORMED:
        return fallback


def _parts(message: Message) -> Iterator[tuple[str, str]]:
    waiting = [message]
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        payload = part.get_payload() if part.is_multipart() else None
        if isinstance(payload, list):
            waiting = [*payload[:_MAX_PARTS], *waiting]
        else:
            yield part.get_content_type(), _text(part)


def _text(part: Message) -> str:
    data = _attempt(lambda: part.get_payload(decode=True), None)
    if not isinstance(data, bytes):
        return ""
    charset = str(_attempt(part.get_content_charset, None) or "").lower()
    if not _CHARSET.fullmatch(charset):
        charset = "utf-8"
    beginning = data[:_MAX_PART]
    text = _attempt(lambda: beginning.decode(charset, "replace"), None)
    if text is None:
        text = beginning.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
