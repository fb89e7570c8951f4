"""What `doctor` finds about the scheduler, the workers and their jobs."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rq import SimpleWorker

from incidents.doctor import processes
from incidents.notifications import queues
from incidents.notifications.monitoring import health
from incidents.notifications.sender.rq_worker import HeartbeatWorker

pytestmark = pytest.mark.django_db


def start(*names: str) -> None:
    connection = queues.queue(queues.EMAILS).connection
    HeartbeatWorker([queues.queue(name) for name in names], connection=connection).register_birth()  # type: ignore[no-untyped-call]


def test_scheduler_needs_a_recent_heartbeat() -> None:
    assert processes.scheduler_runs().found == "not running: no heartbeat yet"
    health.record_heartbeat(at=timezone.now() - timedelta(hours=3))
    result = processes.scheduler_runs()
    assert (result.state, result.found) == ("FAIL", "not running: last heartbeat 3 hours ago")
    health.record_heartbeat()
    assert processes.scheduler_runs().state == "OK"


def test_queues_without_a_worker_are_named() -> None:
    start(queues.EMAILS)
    result = processes.workers_run()
    assert (result.state, result.found) == ("FAIL", "no worker for messages, requests")
    start(queues.MESSAGES, queues.REQUESTS)
    result = processes.workers_run()
    assert (result.state, result.found) == ("OK", "delivery: 1, messages: 1, posts: 0, requests: 1")
    queues.enqueue_posts()
    result = processes.workers_run()
    assert (result.state, result.found) == ("FAIL", "no worker for posts")
    assert "statuspage-webhooks" in result.advice


def test_failed_jobs_are_a_warning() -> None:
    assert processes.jobs_succeed().state == "OK"
    queue = queues.queue(queues.MESSAGES)
    queue.enqueue("a_module_that_does_not_exist.job")
    SimpleWorker([queue], connection=queue.connection).work(burst=True)
    result = processes.jobs_succeed()
    assert (result.state, result.found) == ("WARN", "failed in the last day: 1 of messages")
