"""A worker that is registered in the queue with odd values does not break what reads the workers."""

from typing import Any

import pytest
from django.utils import timezone
from rq.utils import utcformat

from incidents.notifications import queues
from incidents.notifications.monitoring import health

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "values",
    [
        {"pid": "x"},
        {"pid": "9" * 5_000},
        {"last_heartbeat": "yesterday"},
        {"last_heartbeat": "2026-11-26T12:00:00"},
        {"birth": b"\xff\xfe"},
        {"total_working_time": "1,5"},
    ],
)
def test_forged_worker_does_not_count(values: dict[Any, Any]) -> None:
    queue = queues.queue(queues.ALL[0])
    key = "rq:worker:forged"
    forged: dict[Any, Any] = {"birth": utcformat(timezone.now()), "queues": queue.name, **values}
    queue.connection.hset(key, mapping=forged)
    queue.connection.sadd("rq:workers", key)
    queue.connection.sadd(f"rq:workers:{queue.name}", key)
    found = health.check_health(timezone.now())
    assert found.queue_answers
    assert not found.live_workers
    assert "forged" not in [worker.name for worker in found.workers]
