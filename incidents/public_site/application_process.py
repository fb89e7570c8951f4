"""Runs the application behind PublicSite in a process of its own.

One Python process runs one thread at a time. If Django ran in the process that answers
readers, a published page would wait for each of its busy threads. And whatever ends
Django's process (no memory, a fault in a C library), published pages stay up.
"""

import contextlib
import logging
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper

from .transport import PART, NotAnswered, receive_response, send_request

logger = logging.getLogger(__name__)

START_AGAIN_AFTER = 5.0  # seconds


class ProcessEnded(NotAnswered):
    """The process that runs the application has ended."""


class ApplicationProcess:
    """A WSGI application that another process runs.

    `command` starts that process in `folder`; the descriptors of its `connections` are added. It calls
    `transport.serve` with them, and so ends when they are closed, also if this process is
    killed. It is started for the first request, and again if it has ended, at most every
    `START_AGAIN_AFTER` seconds. Each request uses a connection; more requests wait.
    """

    def __init__(self, command: Sequence[str], folder: Path, connections: int) -> None:
        self._command, self._folder, self._connections = list(command), folder, connections
        self._child: _Child | None = None
        self._starting = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        child = self._running()
        with child.connection() as connection:
            try:
                send_request(connection, environ)
                status, headers, body = receive_response(connection)
            except (EOFError, OSError) as error:
                child.stop()
                raise ProcessEnded from error
        start_response(status, headers)
        return FileWrapper(body, PART)

    def _running(self) -> "_Child":
        with self._starting:
            if self._child is None:
                self._child = self._start()
            elif (code := self._child.exit_code()) is not None:
                if monotonic() - self._child.started_at < START_AGAIN_AFTER:
                    raise ProcessEnded
                logger.error("The application's process ended with code %s and is started again.", code)
                self._child = self._start()
            return self._child

    def _start(self) -> "_Child":
        return _Child(self._command, self._folder, self._connections)


class _Child:
    # The process, and our ends of the connections, which are closed with the last reference.
    def __init__(self, command: list[str], folder: Path, connections: int) -> None:
        self.started_at = monotonic()
        self._free: SimpleQueue[Connection] = SimpleQueue()
        with contextlib.ExitStack() as stack:
            descriptors = []
            for _ in range(connections):
                own, its = Pipe()
                self._free.put(own)
                descriptors.append(stack.enter_context(its).fileno())
            words = [*command, *map(str, descriptors)]
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                words, cwd=folder, pass_fds=descriptors, stdin=subprocess.DEVNULL
            )

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        connection = self._free.get()
        try:
            yield connection
        finally:
            self._free.put(connection)

    def exit_code(self) -> int | None:
        """Return None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        # It has ended already, or a thread of it has, so that it could not use all connections.
        self._process.kill()
        self._process.wait()
