"""`/metrics`, answered by the web server's process: its own part, and that of Django if it answers in time.

While Django, PostgreSQL or Valkey is down, an alert needs to know just that.
"""

import logging
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..log_context import REQUEST_ID, new_id
from ..metrics import definitions, exposition
from ..metrics.exposition import Family, single
from ..metrics.requests import RequestCounts
from .headers import CACHE_NEVER, security_headers
from .transport import NotAnswered

logger = logging.getLogger(__name__)

PATH = "/metrics"
LIMIT = 1.9  # seconds for Django's part; Prometheus may give up after a few seconds


class Metrics:
    """Answers GET and HEAD of those who send `token`. `pages_up` says whether home pages can be served.

    `application` is Django; a request for its part takes none of the places that other requests wait for.
    """

    def __init__(
        self,
        token: str,
        application: WSGIApplication,
        counts: RequestCounts,
        *,
        version: str,
        pages_up: Callable[[], bool],
        https: bool,
    ) -> None:
        self._token, self._application, self._counts = token, application, counts
        self._version, self._pages_up, self._https = version, pages_up, https
        self._started_at = time.time()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._asked: Future[str | None] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if exposition.may_read(self._token, environ.get("HTTP_AUTHORIZATION", "")):
            status, kind, extra = "200 OK", exposition.CONTENT_TYPE, []
            text = self._text(environ.get("HTTP_AUTHORIZATION", ""))
        else:
            status, kind, extra = "401 Unauthorized", "text/plain; charset=utf-8", [("WWW-Authenticate", "Bearer")]
            text = "Send the token: “Authorization: Bearer …”.\n"
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", CACHE_NEVER), *extra]
        start_response(status, [*headers, *security_headers(PATH, https=self._https)])
        return [body] if environ["REQUEST_METHOD"] == "GET" else []

    def _text(self, authorization: str) -> str:
        answered = self._ask_application(authorization)
        return exposition.render(self._families(answered is not None)) + (answered or "")

    def _families(self, application_up: bool) -> Iterator[Family]:
        yield definitions.BUILD_INFO, {(self._version, platform.python_version()): 1}
        yield single(definitions.WEB_START, self._started_at)
        yield single(definitions.PAGES_UP, int(self._pages_up()))
        yield single(definitions.APPLICATION_UP, int(application_up))
        yield from self._counts.families()

    def _ask_application(self, authorization: str) -> str | None:
        # Return Django's part. An earlier request that still waits for it is not repeated.
        if self._asked is not None and not self._asked.done():
            return None
        self._asked = self._thread.submit(_text_of, self._application, authorization)
        try:
            return self._asked.result(LIMIT)
        except TimeoutError:
            return None


def _text_of(application: WSGIApplication, authorization: str) -> str | None:
    started: list[str] = []

    def start_response(status: str, _headers: list[tuple[str, str]], _error: Any = None, /) -> Any:
        started.append(status)

    try:
        parts = application(_request(authorization), start_response)
        body = b"".join(parts)
        if close := getattr(parts, "close", None):
            close()
    except NotAnswered:
        return None
    except Exception:
        # Catch everything: the part of the web server is answered whatever fails.
        logger.exception("Django failed to answer %s", PATH)
        return None
    return body.decode() if started and started[-1].startswith("200") else None


def _request(authorization: str) -> WSGIEnvironment:
    # The host is one that Django always accepts.
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "HTTP_AUTHORIZATION": authorization,
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": "0",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        REQUEST_ID: new_id(),
    }
