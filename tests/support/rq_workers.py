"""RQ's real worker, in processes of its own: the one that takes jobs, and its child that runs one."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from rq.registry import FailedJobRegistry

from harness.waiting import wait_for
from incidents.models import Holder
from incidents.notifications import queues
from incidents.notifications.ledger import holders
from tests.publishing.processes import environment

CONNECTIONS = 4
# The grace of messages in flight is an argument: the ordinary 20 s would be waited for.
_PROGRAM = """
import sys
from datetime import timedelta
from django.core.management import execute_from_command_line
from incidents.notifications.sender import stopping
stopping.GRACE = timedelta(seconds=float(sys.argv.pop(1)))
execute_from_command_line(sys.argv)
"""


@dataclass
class RqWorker:
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def horse(self) -> int | None:
        """Return the process of the running job; RQ calls it the work horse."""
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8").split()
            return int(children[0]) if children else None
        return None

    def signal(self, number: signal.Signals, *targets: str) -> None:
        """Send a signal to the "parent", the "horse" or both."""
        horse = self.horse()
        for target in targets:
            pid = self.pid if target == "parent" else horse
            assert pid is not None, "no job is running"
            os.kill(pid, number)

    def wait(self) -> int:
        return self.process.wait(60)

    def kill(self) -> None:
        for pid in (self.horse(), self.pid):
            with contextlib.suppress(ProcessLookupError):
                if pid is not None and self.process.poll() is None:
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(60)


@contextmanager
def rq_worker(port: int, *names: str, grace: float = 60, **variables: str) -> Iterator[RqWorker]:
    """A running worker for these queues, which sends email to this port."""
    mail = {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "EMAIL_CONNECTIONS": str(CONNECTIONS)}
    arguments = ["rqworker", *(names or ("delivery", "messages", "requests")), "--verbosity", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(grace), *arguments],
        env=environment() | mail | variables,
        cwd=settings.BASE_DIR,
        start_new_session=True,
    )
    worker = RqWorker(process)
    try:
        yield worker
    finally:
        worker.kill()


def failed_jobs(*names: str) -> list[str]:
    return [job for name in names or queues.ALL for job in FailedJobRegistry(queue=queues.queue(name)).get_job_ids()]


def wait_for_lost_sessions() -> None:
    """Wait until PostgreSQL has noticed that the killed workers are gone."""
    wait_for(lambda: not holders._sessions().keys() & set(Holder.objects.values_list("pk", flat=True)))


def wait_for_horse(worker: RqWorker) -> None:
    wait_for(lambda: worker.horse() or worker.process.poll() is not None)
    assert worker.process.poll() is None
