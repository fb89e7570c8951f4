"""Reports errors of the log to Sentry. Loaded only if SENTRY_DSN is set, as sentry-sdk is optional.

A report has what the log has: message, traceback and ids, without the local parts of addresses and without keys. It
has no request, no values of variables, no name of the machine, and no account.
"""

import logging
import os
from typing import Any

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from incidents import log_context
from statuspage import __version__
from statuspage.logs import outage_of, redacted

_PATIENCE = 2.0  # seconds in which a process that may end at once sends its report


class SentryHandler(logging.Handler):
    """Reports each error of the log. Outages of database and queue are left out: alarms tell of them."""

    def __init__(self, dsn: str) -> None:
        super().__init__(logging.ERROR)
        # Without integrations, which would add requests, accounts and the arguments of jobs.
        self._client = sentry_sdk.Client(
            dsn=dsn,
            release=__version__,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            server_name="",
            auto_session_tracking=False,
            before_send=_redact,
        )
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        if outage_of(record) or record.name.startswith("sentry_sdk"):
            return
        try:
            self._client.capture_event(*self._event(record))
            if os.getpid() != self._process:
                # A worker's job runs in a forked process, which ends without waiting for threads.
                self._client.flush(_PATIENCE)
        except Exception:
            self.handleError(record)

    def _event(self, record: logging.LogRecord) -> tuple[Any, dict[str, Any]]:
        event: Any = {}
        if record.exc_info and record.exc_info[0]:
            event, _hint = event_from_exception(record.exc_info, client_options=self._client.options)
        event |= {
            "level": record.levelname.lower(),
            "logger": record.name,
            "logentry": {"formatted": record.getMessage()},
            "tags": log_context.fields(),
        }
        return event, {"log_record": record}


def _redact(event: Any, _hint: dict[str, Any]) -> Any:
    if isinstance(event, str):
        return redacted(event)
    if isinstance(event, dict):
        return {key: _redact(value, _hint) for key, value in event.items()}
    return [_redact(one, _hint) for one in event] if isinstance(event, list) else event
