"""An API in a process that kills itself: `python -m tests.api.dying_process REQUESTS MOMENT`.

It prints its port and waits until that many requests have arrived, which it then handles at once. At the moment for
the first of them, it kills itself with SIGKILL: `before_commit`, `after_commit`, or `before_answer`, when it has
printed the answer instead of sending it. `never` answers.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created

_dying = threading.Lock()


class _Server(ThreadingMixIn, WSGIServer):
    request_queue_size = 50


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_commit(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
    """Storing the answer is the last statement of the transaction."""
    result = execute(sql, params, many, context)
    if sql.startswith('UPDATE "incidents_idempotentrequest"'):
        die()
    return result


def wrap_statements(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(die_before_commit)


def main(requests: int, moment: str) -> None:
    django = get_wsgi_application()
    arrived = threading.Barrier(requests)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        arrived.wait(60)
        answer = b"".join(django(environ, start_response))
        if moment == "before_answer":
            _dying.acquire()  # one answer is enough
            print(answer.decode(), flush=True)
            die()
        return [answer]

    if moment == "before_commit":
        connection_created.connect(wrap_statements)
    if moment == "after_commit":
        # Models can be imported only once Django is set up.
        from incidents.publishing import stale  # noqa: PLC0415

        setattr(stale, "publish_for_readers", die)  # noqa: B010 - what the commit calls first
    with make_server("127.0.0.1", 0, application, _Server, WSGIRequestHandler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
