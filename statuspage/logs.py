"""What the logs leave out."""

import logging
import re

# A link from a mail is a key: whoever reads it in a log could use it.
_KEY = re.compile(r"(/subscription/(?:confirm|connect|unsubscribe|manage)/)[^\s/\"'?]+")
# Servers repeat in their replies, and the database in its errors, whom a letter was for.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=/@]+@(?=[\w-]+\.)")


class Discreet(logging.Formatter):
    """Takes keys, and what stands before the @ of addresses, out of whatever anybody logs, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if "/subscription/" in line:
            line = _KEY.sub(r"\1…", line)
        return _ADDRESS.sub("…@", line) if "@" in line else line
