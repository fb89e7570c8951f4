"""What a request to Django may contain: checked before Django reads it, in linear time."""

import re
from wsgiref.types import WSGIEnvironment

# RFC 9110 §4.1 wants at least this for an address. Browsers and proxies stay far below.
MAX_TARGET = 8_000
# Per header and for all of them; nginx accepts 8 kB a line and 32 kB in all by default.
MAX_HEADER = 8_000
MAX_HEADERS = 32_000
MAX_CONTENT_TYPE = 500

BAD_REQUEST = "400 Bad Request"
TIMED_OUT = "408 Request Timeout"
BODY_TOO_LARGE = "413 Content Too Large"
TARGET_TOO_LONG = "414 URI Too Long"
HEADERS_TOO_LARGE = "431 Request Header Fields Too Large"

# PostgreSQL stores no NUL, and no address of ours has another control character.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def refusal(environ: WSGIEnvironment) -> str | None:
    """Return the status with which the request is refused, or None if Django may read it."""
    path = environ.get("PATH_INFO", "")
    if len(path) + len(environ.get("QUERY_STRING", "")) > MAX_TARGET:
        return TARGET_TOO_LONG
    sizes = [len(value) for name, value in environ.items() if name.startswith("HTTP_")]
    if max(sizes, default=0) > MAX_HEADER or sum(sizes) > MAX_HEADERS:
        return HEADERS_TOO_LARGE
    if len(environ.get("CONTENT_TYPE", "")) > MAX_CONTENT_TYPE:
        return HEADERS_TOO_LARGE
    return BAD_REQUEST if _CONTROL.search(path) else None
