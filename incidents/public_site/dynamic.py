"""Django behind PublicSite: limited in threads, replaced by the fallback if it fails."""

import contextlib
import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..log_context import REQUEST_ID, in_request, is_acceptable, new_id
from .bodies import Bodies, NoPlace, TooLarge, TooSlow
from .fallback import Fallback
from .limits import BODY_TOO_LARGE, TIMED_OUT, refusal
from .slots import Slots
from .transport import ApplicationFailed, NotAnswered

logger = logging.getLogger(__name__)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Dynamic:
    """Passes requests to `django`, and responds with the fallback if it fails.

    `django` must call `start_response` before it returns, as Django does.
    With `show_errors`, Django's own page for a 500 is returned unchanged.

    If the database is down, each request waits for a timeout in a thread that readers
    need. So each request takes one of the `slots`. The body is read before, by `bodies`, so
    that slow clients take no slot. `network` returns where a request comes from: no network
    can take all places where requests wait. The requests that `is_log_in` names take one of
    the slots in `log_ins` instead, so that no page waits while passwords are checked.

    Each request has an id for the logs, which the response repeats in X-Request-Id. The id in that
    header of a request counts if the request `is_from_proxy`.
    """

    def __init__(
        self,
        django: WSGIApplication,
        fallback: Fallback,
        bodies: Bodies,
        slots: Slots,
        *,
        log_ins: Slots,
        is_log_in: Callable[[WSGIEnvironment], bool],
        network: Callable[[WSGIEnvironment], str],
        is_from_proxy: Callable[[WSGIEnvironment], bool],
        show_errors: bool,
    ) -> None:
        self._django, self._fallback, self._show_errors = django, fallback, show_errors
        self._slots, self._bodies, self._network = slots, bodies, network
        self._log_ins, self._is_log_in, self._is_from_proxy = log_ins, is_log_in, is_from_proxy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        identity = given if is_acceptable(given) and self._is_from_proxy(environ) else new_id()
        environ[REQUEST_ID] = identity
        with in_request(identity):
            return self._answer(environ, _with_header(start_response, ("X-Request-Id", identity)))

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if status := refusal(environ):
            return self._fallback.refuse(status, environ, start_response)
        network = self._network(environ)
        try:
            self._bodies.read(environ, network)
        except TooLarge:
            return self._fallback.refuse(BODY_TOO_LARGE, environ, start_response)
        except TooSlow:
            return self._fallback.refuse(TIMED_OUT, environ, start_response)
        except NoPlace:
            return self._fallback(environ, start_response)
        return self._pass_on(environ, start_response, network)

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse, network: str) -> Iterable[bytes]:
        slots = self._log_ins if self._is_log_in(environ) else self._slots
        if not slots.acquire(network):
            return self._fallback(environ, start_response)
        try:
            return self._call_django(environ, start_response)
        finally:
            slots.release()

    def _call_django(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = _DeferredStart()
        try:
            body = self._django(environ, response)
        except NotAnswered as error:
            # While its process cannot run, one line a minute (statuspage/logs.py).
            extra = {} if isinstance(error, ApplicationFailed) else {"outage": "Django's process"}
            logger.error("Django did not answer %s: %s", environ.get("PATH_INFO"), type(error).__name__, extra=extra)
            return self._fallback(environ, start_response)
        except Exception:
            # Catch everything: the reader gets a response whatever fails.
            logger.exception("Django failed to answer %s", environ.get("PATH_INFO"))
            return self._fallback(environ, start_response)
        if response.failed and not self._show_errors:
            _close(body)
            return self._fallback(environ, start_response)
        start_response(response.status, response.headers)
        return body


class _DeferredStart:
    # A start_response that stores status and headers until it is known whether the response is sent.
    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def __call__(
        self, status: str, headers: list[tuple[str, str]], _error: ExceptionInfo | None = None, /
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return _refuse_write

    @property
    def failed(self) -> bool:
        """Whether Django responded to an exception, which it does in HTML."""
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return self.status.startswith("500") and kind.startswith("text/html")


def _with_header(start_response: StartResponse, header: tuple[str, str]) -> StartResponse:
    def start(
        status: str, headers: list[tuple[str, str]], error: ExceptionInfo | None = None, /
    ) -> Callable[[bytes], object]:
        more = (error,) if error else ()
        return start_response(status, [*headers, header], *more)

    return start


def _refuse_write(_data: bytes) -> object:
    raise NotImplementedError("PEP 3333's write() is for applications that cannot return their body")


def _close(body: Any) -> None:
    with contextlib.suppress(AttributeError):
        body.close()
