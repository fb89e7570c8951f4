"""Which request and which job a log line belongs to. Pure Python, for the web server's process too.

The web server gives each dynamic request an id, and hands it to Django's process and to the jobs that
the request enqueues. A worker and the scheduler give each job an id.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_ID = "statuspage.request_id"  # in the WSGI environment
# Short and harmless in a log, a header and a shell. At least 8 characters, or it names nothing.
_ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

_request: ContextVar[str] = ContextVar("request_id", default="")
_job: ContextVar[str] = ContextVar("job_id", default="")
# For the threads of a process that runs one job: a new thread has no context.
_of_process: dict[str, str] = {}


def new_id() -> str:
    return secrets.token_hex(8)


def is_acceptable(text: object) -> bool:
    """Whether a proxy or a job may name this as a request's id."""
    return isinstance(text, str) and bool(_ACCEPTED.fullmatch(text))


def request_id() -> str:
    """Return the id of the current request, or "" outside of one."""
    return _request.get() or _of_process.get("request_id", "")


def fields() -> dict[str, str]:
    """Return `request_id` and `job_id`, as far as there are any."""
    found = {"request_id": request_id(), "job_id": _job.get() or _of_process.get("job_id", "")}
    return {name: value for name, value in found.items() if value}


@contextmanager
def in_request(identity: str) -> Iterator[None]:
    token = _request.set(identity)
    try:
        yield
    finally:
        _request.reset(token)


@contextmanager
def in_job(identity: str) -> Iterator[None]:
    """For this thread only."""
    token = _job.set(identity)
    try:
        yield
    finally:
        _job.reset(token)


@contextmanager
def in_process_of_job(identity: str, request: str) -> Iterator[None]:
    """For all threads of this process. `request` is the id of the request that enqueued the job, or ""."""
    _of_process.update(job_id=identity, request_id=request)
    try:
        yield
    finally:
        _of_process.clear()
