"""MIME templates: an email as bytes with placeholders, which are filled in for each recipient by joining.

Bodies are quoted-printable, so that lines are short and all bytes are ASCII, whatever
the relay supports (RFC 2045 §6.7). The value of a placeholder is encoded separately,
between two soft line breaks.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from . import encoded_words

# Non-characters: no text can contain them once it has been through markup.clean, and no address either.
_MARK = "\ufdd1"
_PLACEHOLDER = re.compile(f"{_MARK}([a-z_]+){_MARK}")
# “=” is always escaped in quoted-printable, so no body contains this (RFC 2046 §5.1.1).
_BOUNDARY = "=_alternative"


class Placeholder(StrEnum):
    """A value that differs between recipients."""

    ADDRESS = "address"
    MESSAGE_ID = "message_id"
    DATE = "date"
    UNSUBSCRIBE = "unsubscribe"
    NEW_MANAGE_LINK = "new_manage_link"
    MANAGE = "manage"
    CONFIRM = "confirm"
    CONNECT = "connect"
    WEBHOOK = "webhook"

    @property
    def marker(self) -> str:
        """The text that marks the place of the value."""
        return f"{_MARK}{self.value}{_MARK}"


@dataclass(frozen=True)
class NamedAddress:
    """An address with the name of its owner, for From."""

    display_name: str
    address: str


@dataclass(frozen=True)
class MimeTemplate:
    """Header and body as pieces of text with a placeholder between each two."""

    head: tuple[bytes, ...]
    head_placeholders: tuple[Placeholder, ...]
    body: tuple[bytes, ...]
    body_placeholders: tuple[Placeholder, ...]

    @property
    def placeholders(self) -> frozenset[Placeholder]:
        return frozenset(self.head_placeholders + self.body_placeholders)

    def fill(self, values: Mapping[Placeholder, str]) -> bytes:
        """Return the email for one recipient, ready to send. Raises ValueError for a value with a line break."""
        joined = "".join(values.values())
        if "\n" in joined or "\r" in joined:
            raise ValueError("A value contains a line break.")
        raw = {placeholder: value.encode() for placeholder, value in values.items()}
        encoded = {placeholder: _encoded_value(raw[placeholder]) for placeholder in set(self.body_placeholders)}
        return b"".join(
            [
                *_join(self.head, [raw[placeholder] for placeholder in self.head_placeholders]),
                *_join(self.body, [encoded[placeholder] for placeholder in self.body_placeholders]),
            ]
        )


def compose(headers: Iterable[tuple[str, str | NamedAddress]], text: str, html: str) -> MimeTemplate:
    """Compose a multipart/alternative email, text first. Subject and names may be any text, other headers are ASCII."""
    head = "".join(_header(name, value) for name, value in headers)
    head += f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'
    head_texts, head_placeholders = _split(head)
    body, body_placeholders = [b""], list[Placeholder]()
    for subtype, content in (("plain", text), ("html", html)):
        body[-1] += _part_head(subtype)
        texts, placeholders = _split(content)
        encoded = [_quoted_printable(piece) for piece in texts]
        body[-1] += encoded[0]
        body += encoded[1:]
        body_placeholders += placeholders
        body[-1] += b"\r\n"
    body[-1] += f"--{_BOUNDARY}--\r\n".encode()
    return MimeTemplate(
        tuple(piece.encode() for piece in head_texts), tuple(head_placeholders), tuple(body), tuple(body_placeholders)
    )


def one_line(text: str, limit: int) -> str:
    """Return text for a header: one line, printable, cut between words."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rsplit(' ', 1)[0]}…"


def collapse_blank_lines(text: str) -> str:
    """Replace runs of blank lines, which template tags leave behind, with one."""
    return re.sub(r"\n\s*\n(\s*\n)+", "\n\n", text).strip() + "\n"


def display_name(name: str) -> str:
    """Return a name for From. Some servers distrust `@`, `:`, `,` and `"` in it (STANDARDS E16)."""
    return one_line(re.sub(r'[@:,;"<>\\]', " ", name), 75)


def _header(name: str, value: str | NamedAddress) -> str:
    if isinstance(value, NamedAddress):
        return encoded_words.mailbox(name, value.display_name, value.address)
    # The others contain identifiers and addresses, which must be ASCII and cannot be folded.
    return encoded_words.unstructured(name, value) if name == "Subject" else f"{name}: {value}\r\n"


def _part_head(subtype: str) -> bytes:
    return (
        f"--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def _split(text: str) -> tuple[list[str], list[Placeholder]]:
    pieces = _PLACEHOLDER.split(text)
    return pieces[::2], [Placeholder(name) for name in pieces[1::2]]


def _quoted_printable(text: str) -> bytes:
    return b2a_qp(text.encode()).replace(b"\n", b"\r\n")


def _encoded_value(value: bytes) -> bytes:
    # Encode a value between two soft line breaks, which are not displayed.
    return b"=\r\n" + b2a_qp(value).replace(b"\n", b"\r\n") + b"=\r\n"


def _join(pieces: tuple[bytes, ...], values: list[bytes]) -> list[bytes]:
    joined = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        joined += [value, piece]
    return joined
