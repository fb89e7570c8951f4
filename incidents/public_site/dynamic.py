"""Django behind PublicSite: loaded when first needed, kept from taking every thread, replaced when it fails."""

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

PATIENCE = 0.5
CROWDED = 5.0

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Dynamic:
    """Answers by asking the application that `load` returns, and with the fallback where that cannot.

    The application must call `start_response` before it returns, as Django does.
    With `show_errors` a page that says 500 is passed on as it is.

    A database that is down makes each request wait for a time-out, in a thread that
    readers need. So at most `places` are with Django at a time; see `Places` for the others.
    """

    def __init__(
        self, load: Callable[[], WSGIApplication], fallback: Fallback, *, places: int, show_errors: bool
    ) -> None:
        self._load, self._fallback, self._show_errors = load, fallback, show_errors
        self._places = Places(places)
        self._application: WSGIApplication | None = None
        self._loading = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._places.enter():
            return self._fallback(environ, start_response)
        try:
            return self._ask(environ, start_response)
        finally:
            self._places.leave()

    def _ask(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        held = _Held()
        try:
            body = self._loaded()(environ, held)
        except Exception:
            # The outer edge: whatever Django met, loading its own modules included, the reader gets an answer.
            logger.exception("Django failed to answer %s", environ.get("PATH_INFO"))
            return self._fallback(environ, start_response)
        if held.failed and not self._show_errors:
            _close(body)
            return self._fallback(environ, start_response)
        start_response(held.status, held.headers)
        return body

    def _loaded(self) -> WSGIApplication:
        if self._application is None:
            with self._loading:
                self._application = self._application or self._load()
        return self._application


class Places:
    """Lets so many in at a time, the others in the order they came.

    In a rush everybody gets their turn, however many they are. Only where nobody leaves
    for `PATIENCE` seconds is something stuck: whoever waited that long goes away without
    a place, and those who come in the next `CROWDED` seconds are told at once.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._left_at = 0.0
        self._crowded_until = 0.0

    def enter(self) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if monotonic() < self._crowded_until:
                return False
            turn = threading.Event()
            self._waiting.append(turn)
        while not turn.wait(PATIENCE):
            if self._is_stuck(turn):
                return False
        return True

    def leave(self) -> None:
        with self._lock:
            self._left_at, self._crowded_until = monotonic(), 0.0
            if self._waiting:
                # Handed on and not set free, or whoever comes in this moment would go first.
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _is_stuck(self, turn: threading.Event) -> bool:
        with self._lock:
            if turn.is_set() or monotonic() - self._left_at < PATIENCE:
                return False
            self._waiting.remove(turn)
            self._crowded_until = monotonic() + CROWDED
            return True


class _Held:
    """A start_response that keeps what the application said, until it is known whether the reader gets that."""

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
        """Whether an exception ended here: Django answers those in HTML."""
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return self.status.startswith("500") and kind.startswith("text/html")


def _refuse_write(_data: bytes) -> object:
    raise NotImplementedError("PEP 3333's write() is for applications that cannot return their body")


def _close(body: Any) -> None:
    with contextlib.suppress(AttributeError):
        body.close()
