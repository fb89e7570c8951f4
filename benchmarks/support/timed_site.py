"""The product's web server whose answers say how long publishing took, for the benchmark `api`.

`granian benchmarks.support.timed_site:application` serves `statuspage.wsgi`, but the process behind it is this module,
which runs Django as `statuspage.django_process` does. Two headers are in ms: X-Publishing is the time that publishing
took, 0 if nothing was published; X-Processor is the processor time of Django's thread without publishing.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

from incidents.public_site import application_process
from statuspage import django_process

_publishing = threading.local()  # its wall-clock and processor time in this request, in seconds


class _TimedProcess(application_process.ApplicationProcess):
    def __init__(self, _command: Any, *settings: Any) -> None:
        super().__init__([sys.executable, "-m", "benchmarks.support.timed_site"], *settings)


def timed_django() -> WSGIApplication:
    django = get_wsgi_application()
    # Models can be imported only once Django is set up.
    from incidents.publishing import stale  # noqa: PLC0415
    from incidents.publishing.store.changes import publish_for_readers  # noqa: PLC0415

    setattr(stale, "publish_for_readers", timed(publish_for_readers))  # noqa: B010 - what commits call

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _publishing.wall = _publishing.processor = 0.0
        begun = time.thread_time()

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            rest = time.thread_time() - begun - _publishing.processor
            times = [("X-Publishing", in_ms(_publishing.wall)), ("X-Processor", in_ms(rest))]
            return start_response(status, [*headers, *times], *more)

        return django(environ, start)

    return application


def timed(publish: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        wall, processor = time.perf_counter(), time.thread_time()
        try:
            return publish()
        finally:
            _publishing.wall += time.perf_counter() - wall
            _publishing.processor += time.thread_time() - processor

    return run


def in_ms(seconds: float) -> str:
    return f"{1_000 * seconds:.3f}"


if __name__ == "__main__":
    setattr(django_process, "get_wsgi_application", timed_django)  # noqa: B010
    django_process.main([int(word) for word in sys.argv[1:]])
else:
    setattr(application_process, "ApplicationProcess", _TimedProcess)  # noqa: B010
    from statuspage.wsgi import application  # noqa: F401 - for granian
