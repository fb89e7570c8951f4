"""Heads of HTTP responses from servers that are not trusted (RFC 9110, RFC 9112).

Of all that a server sends, only the status code and Retry-After are used. Whatever else it
sends instead is an InvalidResponse or a ConnectionError.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_BYTES = 16_384  # of the head, with all interim responses before it
_BEGINNING = b"HTTP/1."
# A code over 599 is invalid (RFC 9110 §15). The reason phrase may be missing, and a line may end without a CR.
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?:[ \t\r][^\n]*)?")
_END = re.compile(rb"\n\r?\n")
_RETRY_AFTER = re.compile(rb"^retry-after[ \t]*:[ \t]*([\x20-\x7e]{1,100})", re.IGNORECASE | re.MULTILINE)


class InvalidResponse(Exception):
    """The server sent something that is not an HTTP response, or a head over MAX_BYTES."""


@dataclass(frozen=True)
class Response:
    """`code` is 200 to 599; `retry_after` is in seconds, None if the server did not send it."""

    code: int
    retry_after: float | None = None


def read(receive: Callable[[], bytes]) -> Response:
    """Read a response up to the end of its head. `receive` returns the next bytes, none at the end of the connection.

    Interim responses are skipped (RFC 9110 §15.2).
    """
    received, begin, searched = bytearray(), 0, 0
    while True:
        if found := _END.search(received, max(begin, searched - 2)):
            response = _parse(bytes(received[begin : found.start()]))
            if response.code >= 200:
                return response
            begin = searched = found.end()
            continue
        searched = len(received)
        if searched > MAX_BYTES or not _BEGINNING.startswith(received[begin : begin + len(_BEGINNING)]):
            raise InvalidResponse
        piece = receive()
        if not piece:
            raise ConnectionResetError
        received += piece


def _parse(head: bytes) -> Response:
    line, _end, fields = head.partition(b"\n")
    status = _STATUS_LINE.fullmatch(line)
    if status is None:
        raise InvalidResponse
    retry_after = _RETRY_AFTER.search(fields)
    return Response(int(status[1]), _seconds(retry_after[1].decode().strip()) if retry_after else None)


def _seconds(value: str) -> float | None:
    # Parse Retry-After: a number of seconds or a date (RFC 9110 §10.2.3); anything else is ignored.
    if value.isdigit():
        return float(value[:10])
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
