"""Log lines as text or JSON: with the ids of request and job, without personal data, keys and repetition."""

import copy
import json
import logging
import re
from datetime import UTC, datetime

from incidents import log_context, outages

# A link in an email is a key: anyone who finds it in a log could use it.
_KEY = re.compile(r"(/subscription/(?:again|confirm|connect|link|manage|unsubscribe)/)[^\s/\"'?]+")
# Mail servers repeat the recipient in their replies, and the database repeats it in its errors.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=/@]+@(?=[\w-]+\.)")
_RQ_CANNOT_CONNECT = "could not connect to Redis instance"


class RedactingFormatter(logging.Formatter):
    """Removes keys and the local parts of addresses from every line, tracebacks included.

    A request that Django refuses (4xx) is one line: anyone can send thousands of them. So is an outage.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(self._prepared(record)))

    def _prepared(self, record: logging.LogRecord) -> logging.LogRecord:
        # A copy, because other handlers format the same record.
        found = copy.copy(record)
        is_outage = bool(outage_of(record))
        if is_outage and record.exc_info and record.exc_info[1]:
            found.msg, found.args = f"{record.getMessage()}: {_first_line(record.exc_info[1])}", None
        if is_outage or _is_refusal(record):
            found.exc_info = found.exc_text = None
        found.ids = "".join(f" {name}={value}" for name, value in log_context.fields().items())
        return found


class JsonFormatter(RedactingFormatter):
    """One JSON object per line: time, level, logger, message and, where there are any, ids and exception."""

    def format(self, record: logging.LogRecord) -> str:
        prepared = self._prepared(record)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(prepared.getMessage()),
            **log_context.fields(),
        }
        if prepared.exc_info:
            line["exception"] = redacted(self.formatException(prepared.exc_info))
        return json.dumps(line, ensure_ascii=False)


class OutageFilter(logging.Filter):
    """Lets one line a minute pass about a database or queue that does not answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        what = outage_of(record)
        return not what or outages.may_log(what)


def redacted(text: str) -> str:
    if "/subscription/" in text:
        text = _KEY.sub(r"\1…", text)
    return _ADDRESS.sub("…@", text) if "@" in text else text


def outage_of(record: logging.LogRecord) -> str:
    """Return what does not answer if that is what the record is about, else ""."""
    marked: str = getattr(record, "outage", "")
    if marked:
        return marked
    if record.name.startswith("rq.") and _RQ_CANNOT_CONNECT in str(record.msg):
        return outages.QUEUE
    return outages.of(record.exc_info[1] if record.exc_info else None)


def _first_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split("\n", 1)[0].split())


def _is_refusal(record: logging.LogRecord) -> bool:
    status: int = getattr(record, "status_code", 500)
    return status < 500
