"""The RQ worker process. It forks for each job, so it loads in advance what every job needs."""

import contextlib
import logging
import os
import signal
from types import FrameType
from typing import Any

from django.conf import settings
from django.template.loader import get_template
from redis import RedisError
from redis.client import Pipeline
from rq import Queue, Worker, worker_registration
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from ... import links, log_context, markup, outages, systemd
from ..monitoring.health import HEARTBEAT
from ..outbox import EMAIL_KINDS
from . import email_workers, stopping, webhook_worker
from .queued_job import QueuedJob

logger = logging.getLogger(__name__)

__all__ = ["PreloadedWorker", "email_workers", "webhook_worker"]


class HeartbeatWorker(Worker):
    """RQ's worker with a heartbeat every 15 s, also while it is idle; RQ's default interval is minutes.

    Each heartbeat registers the worker. RQ does so only when a worker starts, so that no worker would be
    known once the queue was emptied or restarted, although all of them take jobs.
    """

    # Seconds between attempts to reach a queue that is down; RQ waits for up to a minute.
    max_connection_wait_time = 10.0

    def __init__(self, *args: Any, **options: Any) -> None:
        # The command `rqworker` always passes its own, which would load pickled objects.
        options |= {"serializer": JSONSerializer, "job_class": QueuedJob}
        super().__init__(*args, **{**options, "job_monitoring_interval": int(HEARTBEAT.total_seconds())})

    def bootstrap(self, *args: Any, **options: Any) -> None:
        super().bootstrap(*args, **options)
        systemd.notify_ready()

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """A SIGTERM during the fork waits until it can be passed on, and until the new process listens to it."""
        stopping.hold_off()
        try:
            super().fork_work_horse(job, queue)
        finally:
            stopping.allow()

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        stopping.listen()

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Name the job and the request that enqueued it in the log lines of this process."""
        request = job.request_id if isinstance(job, QueuedJob) else ""
        with log_context.in_process_of_job(job.id, request):
            return super().perform_job(job, queue, execution)

    def handle_warm_shutdown_request(self) -> None:
        """Pass the signal on to the process of the job: it ends within half a minute, and this one after it."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """A second Ctrl-C kills the job. A second SIGTERM does not: supervisors repeat it, and the job is ending."""
        if signum != signal.SIGTERM:
            super().request_force_stop(signum, frame)

    @property
    def dequeue_timeout(self) -> int:
        return int(HEARTBEAT.total_seconds())

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        if pipeline is not None:
            self._register(timeout, pipeline)
            return
        # One transaction: a key that a killed worker leaves behind must always expire.
        with self.connection.pipeline() as own:
            self._register(timeout, own)
            own.execute()
        outages.is_over(outages.QUEUE)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """A queue that is down during a job must not end the worker."""
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            message = "The queue is not responding; the worker registers again once it does: %s"
            logger.warning(message, error, extra=outages.ABOUT_QUEUE)

    def _register(self, timeout: int | None, pipeline: Pipeline) -> None:
        super().heartbeat(timeout, pipeline)
        # Only what is missing: the process that runs the job writes to the same key.
        for name, value in {**self.serialize(), "state": self.get_state()}.items():
            pipeline.hsetnx(self.key, name, value)
        worker_registration.register(self, pipeline)


class PreloadedWorker(HeartbeatWorker):
    """A worker whose forks inherit all modules, templates and translations, which saves a second per job."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        preload()


def preload() -> None:
    """Load the templates, addresses and translations of all emails."""
    for kind in EMAIL_KINDS:
        for part in ("subject.txt", "body.txt", "body.html"):
            get_template(f"emails/{kind}/{part}")
    for code, _name in settings.LANGUAGES:
        links.dynamic("subscriptions:request_manage_link", code)
    markup.plain("This text makes it compile its patterns.")
