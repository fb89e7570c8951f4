"""Keeps personal data and keys out of the logs, and tracebacks of refused requests."""

import copy
import logging
import re

# A link in an email is a key: anyone who finds it in a log could use it.
_KEY = re.compile(r"(/subscription/(?:again|confirm|connect|link|manage|unsubscribe)/)[^\s/\"'?]+")
# Mail servers repeat the recipient in their replies, and the database repeats it in its errors.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=/@]+@(?=[\w-]+\.)")


class RedactingFormatter(logging.Formatter):
    """Removes keys and the local parts of addresses from every line, tracebacks included.

    A request that Django refuses (4xx) is one line: anyone can send thousands of them.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(_without_traceback(record) if _is_refusal(record) else record)
        if "/subscription/" in line:
            line = _KEY.sub(r"\1…", line)
        return _ADDRESS.sub("…@", line) if "@" in line else line


def _is_refusal(record: logging.LogRecord) -> bool:
    status: int = getattr(record, "status_code", 500)
    return status < 500


def _without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    # A copy, because other handlers format the same record.
    found = copy.copy(record)
    found.exc_info = found.exc_text = None
    return found
