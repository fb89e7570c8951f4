"""A process that answers requests as Django's does, for tests: `python -m tests.public_site.answering DESCRIPTOR …`."""

import json
import os
import sys
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from incidents.public_site.transport import serve

together = threading.Barrier(2)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Do what the path says."""
    match environ["PATH_INFO"]:
        case "/raise":
            raise RuntimeError("as asked")
        case "/raise-halfway":
            return broken(start_response)
        case "/end":
            os._exit(7)
        case "/end-thread":
            raise SystemExit
        case "/together":
            together.wait(30)
    body = environ["wsgi.input"].read().decode("latin-1")
    strings = {name: value for name, value in environ.items() if isinstance(value, str)}
    answer = json.dumps({"process": os.getpid(), "environ": strings, "body": body}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")])
    return [answer[:100], b"", answer[100:]]


def broken(start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b"half"
    raise RuntimeError("halfway")


if __name__ == "__main__":
    serve(application, map(int, sys.argv[1:]))
