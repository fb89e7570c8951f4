"""A mail as bytes with gaps: written once per language, filled in for each recipient by joining.

Bodies are quoted-printable, so that every line is short and every byte is ASCII
whatever the relay offers (RFC 2045 §6.7); a gap stands between two soft line breaks
and is encoded on its own.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum

# Non-characters: no text can contain them once it has been through markup.clean, and no address either.
_MARK = "\ufdd1"
_GAP = re.compile(f"{_MARK}([a-z_]+){_MARK}")
# “=” is always escaped in quoted-printable, so this stands in no body (RFC 2046 §5.1.1).
_BOUNDARY = "=_alternative"


class Slot(StrEnum):
    """What differs from recipient to recipient."""

    ADDRESS = "address"
    MESSAGE_ID = "message_id"
    DATE = "date"
    UNSUBSCRIBE = "unsubscribe"
    MANAGE = "manage"
    CONFIRM = "confirm"
    CONNECT = "connect"
    WEBHOOK = "webhook"

    @property
    def gap(self) -> str:
        """What to write where the slot's value belongs."""
        return f"{_MARK}{self.value}{_MARK}"


@dataclass(frozen=True)
class Letter:
    """Text and gaps by turns, beginning with text."""

    head: tuple[bytes, ...]
    head_slots: tuple[Slot, ...]
    body: tuple[bytes, ...]
    body_slots: tuple[Slot, ...]

    @property
    def slots(self) -> frozenset[Slot]:
        return frozenset(self.head_slots + self.body_slots)

    def filled(self, values: Mapping[Slot, str]) -> bytes:
        """The mail for one recipient, ready for the wire. Line breaks in a value are refused with ValueError."""
        together = "".join(values.values())
        if "\n" in together or "\r" in together:
            raise ValueError("A value for a mail has a line break in it.")
        raw = {slot: value.encode() for slot, value in values.items()}
        return b"".join(
            [
                *_join(self.head, [raw[slot] for slot in self.head_slots]),
                *_join(self.body, [_soft(raw[slot]) for slot in self.body_slots]),
            ]
        )


def compose(headers: Iterable[tuple[str, str]], text: str, html: str) -> Letter:
    """A multipart/alternative mail, text first. A header value with a gap in it must otherwise be ASCII."""
    head = "".join(_header(name, value) for name, value in headers)
    head += f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'
    head_texts, head_slots = _split(head)
    body, body_slots = [b""], list[Slot]()
    for subtype, content in (("plain", text), ("html", html)):
        body[-1] += _part_head(subtype)
        texts, slots = _split(content)
        encoded = [_quoted(piece) for piece in texts]
        body[-1] += encoded[0]
        body += encoded[1:]
        body_slots += slots
        body[-1] += b"\r\n"
    body[-1] += f"--{_BOUNDARY}--\r\n".encode()
    return Letter(tuple(piece.encode() for piece in head_texts), tuple(head_slots), tuple(body), tuple(body_slots))


def one_line(text: str, limit: int) -> str:
    """Text fit for a header: one line, nothing invisible, cut at a word."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rsplit(' ', 1)[0]}…"


def without_holes(text: str) -> str:
    """At most one empty line between two others: what templates leave behind where there was nothing to say."""
    return re.sub(r"\n\s*\n(\s*\n)+", "\n\n", text).strip() + "\n"


def sender(name: str, address: str) -> str:
    """A From value. `@`, `:`, `,` and `"` in a display name make some servers suspicious (STANDARDS E16)."""
    safe = one_line(re.sub(r'[@:,;"<>\\]', " ", name), 75)
    return str(Address(safe, addr_spec=address))


def _header(name: str, value: str) -> str:
    """One header, folded and encoded; a value with a gap, and one that is long but has no words, stays as it is."""
    if _MARK in value or name.startswith("List-") or name in {"References", "In-Reply-To"}:
        return f"{name}: {value}\r\n"
    message = EmailMessage(policy=SMTP)
    message[name] = value
    return message.as_bytes().decode().removesuffix("\r\n")


def _part_head(subtype: str) -> bytes:
    return (
        f"--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def _split(text: str) -> tuple[list[str], list[Slot]]:
    pieces = _GAP.split(text)
    return pieces[::2], [Slot(name) for name in pieces[1::2]]


def _quoted(text: str) -> bytes:
    return b2a_qp(text.encode()).replace(b"\n", b"\r\n")


def _soft(value: bytes) -> bytes:
    """A value between two soft line breaks, which readers do not see."""
    return b"=\r\n" + b2a_qp(value).replace(b"\n", b"\r\n") + b"=\r\n"


def _join(pieces: tuple[bytes, ...], values: list[bytes]) -> list[bytes]:
    joined = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        joined += [value, piece]
    return joined
