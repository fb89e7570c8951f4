"""Django behind PublicSite: loaded when first needed, limited in threads, replaced by the fallback if it fails."""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from types import TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from .fallback import Fallback

logger = logging.getLogger(__name__)

STUCK_AFTER = 0.5  # seconds
REJECT_FOR = 5.0  # seconds

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Dynamic:
    """Passes requests to the application that `load` returns, and responds with the fallback if it fails.

    The application must call `start_response` before it returns, as Django does.
    With `show_errors`, Django's own page for a 500 is returned unchanged.

    If the database is down, each request waits for a timeout in a thread that readers
    need. So Django handles at most `slots` requests at a time; for the others see `Slots`.
    """

    def __init__(
        self, load: Callable[[], WSGIApplication], fallback: Fallback, *, slots: int, show_errors: bool
    ) -> None:
        self._load, self._fallback, self._show_errors = load, fallback, show_errors
        self._slots = Slots(slots)
        self._application: WSGIApplication | None = None
        self._loading = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._slots.acquire():
            return self._fallback(environ, start_response)
        try:
            return self._call_django(environ, start_response)
        finally:
            self._slots.release()

    def _call_django(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = _DeferredStart()
        try:
            body = self._loaded()(environ, response)
        except Exception:
            # Catch everything: the reader gets a response whatever fails in Django, even the import of its modules.
            logger.exception("Django failed to answer %s", environ.get("PATH_INFO"))
            return self._fallback(environ, start_response)
        if response.failed and not self._show_errors:
            _close(body)
            return self._fallback(environ, start_response)
        start_response(response.status, response.headers)
        return body

    def _loaded(self) -> WSGIApplication:
        if self._application is None:
            with self._loading:
                self._application = self._application or self._load()
        return self._application


class Slots:
    """A semaphore that serves waiting requests in the order of their arrival.

    During a rush every request gets a slot in the end. Only if no slot is released for
    `STUCK_AFTER` seconds, Django counts as stuck: requests that have waited that long
    are rejected, and for the next `REJECT_FOR` seconds new requests are rejected at once.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._released_at = 0.0
        self._reject_until = 0.0

    def acquire(self) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if monotonic() < self._reject_until:
                return False
            granted = threading.Event()
            self._waiting.append(granted)
        while not granted.wait(STUCK_AFTER):
            if self._give_up(granted):
                return False
        return True

    def release(self) -> None:
        with self._lock:
            self._released_at, self._reject_until = monotonic(), 0.0
            if self._waiting:
                # Pass the slot on directly; a free slot could be taken by a request that arrives now.
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _give_up(self, granted: threading.Event) -> bool:
        with self._lock:
            if granted.is_set() or monotonic() - self._released_at < STUCK_AFTER:
                return False
            self._waiting.remove(granted)
            self._reject_until = monotonic() + REJECT_FOR
            return True


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


def _refuse_write(_data: bytes) -> object:
    raise NotImplementedError("PEP 3333's write() is for applications that cannot return their body")


def _close(body: Any) -> None:
    with contextlib.suppress(AttributeError):
        body.close()
