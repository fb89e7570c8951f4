"""The jobs that a worker takes from the queue: our own functions, with ids and numbers as arguments.

Valkey is not trusted. What RQ's own class reads from there includes the name of any function, callbacks,
addresses to call, and with its default serializer any object: each of them runs code of the writer's choice.
"""

import logging
from typing import Any

from redis import ResponseError
from rq.exceptions import NoSuchJobError
from rq.job import Job

from ...log_context import is_acceptable
from .. import queues

logger = logging.getLogger(__name__)

_FIELDS = frozenset(
    "created_at data ended_at enqueued_at failure_ttl last_heartbeat meta origin result_ttl started_at status timeout "
    "worker_name".split()
)
_MAX_DATA = 1000  # bytes, compressed
_MAX_META = 200  # bytes
_MAX_ARGUMENTS = 2
_MAX_NUMBER = 2**63 - 1


class QueuedJob(Job):
    """A job that is restored only if it is one of ours; any other is deleted, and counts as missing."""

    def refresh(self) -> None:
        try:
            super().refresh()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            logger.warning("Discarded the key %s, which is not a job: %s", self.key, error)
            self.connection.delete(self.key)
            raise NoSuchJobError(self.id) from error

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Raise NoSuchJobError, which makes RQ take the next job; any other error would end the worker."""
        try:
            fields = {name: value for name, value in raw_data.items() if name.decode() in _FIELDS}
            if len(fields[b"data"]) > _MAX_DATA:
                raise ValueError("too long")
            if len(fields.get(b"meta", b"")) > _MAX_META:
                del fields[b"meta"]
            super().restore(fields)
            self._check()
        except Exception as error:
            logger.warning("Discarded the job %s, which is not one of this version: %r", self.id, error)
            self.connection.delete(self.key)
            raise NoSuchJobError(self.id) from error
        self.meta = {queues.REQUEST_ID: self.request_id} if self.request_id else {}
        self.description = self.get_call_string()

    @property
    def request_id(self) -> str:
        """The id of the request that enqueued the job, or ""; anything else in its place is ignored."""
        found = self.meta.get(queues.REQUEST_ID, "") if isinstance(self.meta, dict) else ""
        return found if is_acceptable(found) else ""

    def _check(self) -> None:
        if self.func_name not in queues.JOBS or self.instance is not None or self.kwargs:
            raise ValueError("another function")
        if len(self.args) > _MAX_ARGUMENTS or not all(map(_is_number, self.args)):
            raise ValueError("other arguments")


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_NUMBER
