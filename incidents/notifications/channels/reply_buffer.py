"""Replies from the bytes that a mail server sends, whatever they are.

Nothing else sees these bytes. A reply has a limit, so that one without end costs no memory.
"""

from functools import lru_cache

from .base import Reply

MAX_OCTETS = 65_536  # unread, or of one reply; no reply is that long
_CODES = {b"%d" % code: code for code in range(200, 600)}
_SEPARATORS = frozenset({b" ", b"-", b"\t", b""})


class BrokenReply(ConnectionError):
    """The server does not follow RFC 5321 §4.2, so nothing that it sends can be relied on."""


class ReplyBuffer:
    """Collects bytes, and returns the lines of each complete reply."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._lines: list[bytes] = []  # of a reply that is not complete
        self._octets = 0

    @property
    def has_unread(self) -> bool:
        return bool(self._unread or self._lines)

    def feed(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) + self._octets > MAX_OCTETS:
            raise BrokenReply("The server sent more than a reply.")

    def take(self) -> list[bytes] | None:
        """Return the lines of the next reply without their endings, or None if it is not complete."""
        while (end := self._unread.find(b"\n")) >= 0:
            line = bytes(self._unread[:end]).rstrip(b"\r")
            del self._unread[: end + 1]
            self._lines.append(line)
            self._octets += end + 1
            if line[3:4] != b"-" or line[:3] not in _CODES:
                lines, self._lines, self._octets = self._lines, [], 0
                return lines
        return None


def parse(lines: list[bytes]) -> Reply:
    """Return the reply, whose lines all have the same code. Raises BrokenReply."""
    reply = _parse_line(lines[0])
    if len(lines) == 1:
        return reply
    digits = lines[0][:3]
    if any(line[:3] != digits or line[3:4] not in _SEPARATORS for line in lines):
        raise BrokenReply(f"This is not an SMTP reply: {Reply(0, _text(lines, 0))}")
    return Reply(reply.code, _text(lines, 4))


@lru_cache(maxsize=64)
def _parse_line(line: bytes) -> Reply:
    # Most replies of a server are the same for each message.
    code = _CODES.get(line[:3])
    if code is None or line[3:4] not in _SEPARATORS:
        raise BrokenReply(f"This is not an SMTP reply: {Reply(0, _text([line], 0))}")
    return Reply(code, _text([line], 4))


def _text(lines: list[bytes], start: int) -> str:
    return " ".join(b" ".join([line[start:] for line in lines]).decode(errors="replace").split())
