"""Log lines about a lasting fault, such as a database that does not answer: the first, then one a minute, then the end.

Without this, each chore of the scheduler and each request would log a line, several times a second.
"""

import logging
import threading
from time import monotonic

from django.db import DatabaseError

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two lines about the same outage
DATABASE, QUEUE = "database", "queue"
# Marks a line of ours as one about an outage: `logger.warning(…, extra=ABOUT_QUEUE)`.
ABOUT_DATABASE, ABOUT_QUEUE = {"outage": DATABASE}, {"outage": QUEUE}

# By name: the web server's process, which logs too, does not load the client of the queue.
_QUEUE_ERRORS = {("redis.exceptions", "ConnectionError"), ("redis.exceptions", "TimeoutError")}

_lock = threading.Lock()
_logged_at: dict[str, float] = {}
_left_out: dict[str, int] = {}


def of(error: BaseException | None) -> str:
    """Return DATABASE or QUEUE if the error means that it does not answer, else ""."""
    if any((one.__module__, one.__name__) in _QUEUE_ERRORS for one in type(error).__mro__):
        return QUEUE
    return DATABASE if isinstance(error, DatabaseError) and _is_lost_connection(error) else ""


def _is_lost_connection(error: DatabaseError) -> bool:
    # SQLSTATE class 08 is a connection exception, 57P a server that stops or starts. psycopg's own errors have none.
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state:
        return state.startswith(("08", "57P"))
    return error.__cause__ is not None and type(error).__name__ in {"OperationalError", "InterfaceError"}


def may_log(what: str) -> bool:
    """Record that `what` fails. Return whether a line about it is due in this process."""
    now = monotonic()
    with _lock:
        if now - _logged_at.get(what, float("-inf")) < EVERY:
            _left_out[what] = _left_out.get(what, 0) + 1
            return False
        _logged_at[what] = now
        return True


def is_over(what: str) -> None:
    """Log that `what` works again, if a line said that it does not."""
    if what not in _logged_at:
        return
    with _lock:
        was_logged, left_out = _logged_at.pop(what, None), _left_out.pop(what, 0)
    if was_logged is not None:
        logger.warning("Works again: %s; %d lines about it were left out.", what, left_out)
