"""The process that waits for jobs and forks for each: what every job needs is loaded before."""

from typing import Any

from django.conf import settings
from django.template.loader import get_template

from ... import links, markup
from ..monitoring.health import HeartbeatWorker
from ..outbox import MAILED
from . import webhook_worker, worker

__all__ = ["PreloadedWorker", "webhook_worker", "worker"]


class PreloadedWorker(HeartbeatWorker):
    """A worker whose forks find everything imported, templates and translations read: a second saved for each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for letter in MAILED:
            for part in ("subject.txt", "body.txt", "body.html"):
                get_template(f"emails/{letter}/{part}")
        for code, _name in settings.LANGUAGES:
            links.dynamic("subscriptions:request_manage_link", code)
        markup.plain("Its patterns are compiled at the first text.")
