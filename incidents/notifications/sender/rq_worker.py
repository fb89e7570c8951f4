"""The RQ worker process. It forks for each job, so it loads in advance what every job needs."""

from typing import Any

from django.conf import settings
from django.template.loader import get_template
from rq import Worker

from ... import links, markup
from ..monitoring.health import HEARTBEAT
from ..outbox import EMAIL_KINDS
from . import webhook_worker, worker

__all__ = ["PreloadedWorker", "webhook_worker", "worker"]


class HeartbeatWorker(Worker):
    """RQ's worker with a heartbeat every 15 s, also while it is idle; RQ's default interval is minutes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "job_monitoring_interval": int(HEARTBEAT.total_seconds())})

    @property
    def dequeue_timeout(self) -> int:
        return int(HEARTBEAT.total_seconds())


class PreloadedWorker(HeartbeatWorker):
    """A worker whose forks inherit all modules, templates and translations, which saves a second per job."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in EMAIL_KINDS:
            for part in ("subject.txt", "body.txt", "body.html"):
                get_template(f"emails/{kind}/{part}")
        for code, _name in settings.LANGUAGES:
            links.dynamic("subscriptions:request_manage_link", code)
        markup.plain("This text makes it compile its patterns.")
