"""Keeps personal data and keys out of the logs."""

import logging
import re

# A link in an email is a key: anyone who finds it in a log could use it.
_KEY = re.compile(r"(/subscription/(?:again|confirm|connect|link|manage|unsubscribe)/)[^\s/\"'?]+")
# Mail servers repeat the recipient in their replies, and the database repeats it in its errors.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=/@]+@(?=[\w-]+\.)")


class RedactingFormatter(logging.Formatter):
    """Removes keys and the local parts of addresses from every line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if "/subscription/" in line:
            line = _KEY.sub(r"\1…", line)
        return _ADDRESS.sub("…@", line) if "@" in line else line
