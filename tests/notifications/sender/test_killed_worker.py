"""A real worker, killed while it sends: no subscriber is missed, and possible duplicates are recorded."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from harness.deliveries import deliver_due
from harness.smtp_server import ScriptedServer, as_usual
from incidents.models import Delivery, Subscriber
from incidents.notifications.ledger import recovery
from tests.factories import make_subscriber
from tests.notifications.helpers import announced, states
from tests.publishing.processes import environment
from tests.support.rq_workers import wait_for_lost_sessions

CONNECTIONS = 4


@pytest.mark.django_db(transaction=True)
def test_killed_worker_leaves_at_most_one_uncertain_delivery_per_connection(server: ScriptedServer) -> None:
    """With 5,000 subscribers and ten kills: `python -m benchmarks crashes`."""
    for number in range(60):
        make_subscriber(f"reader{number}@example.dk")
    announcement = announced()
    worker = start_worker(announcement.pk, server.port)

    def kill_at_the_thirtieth(stage: str, _recipient: str) -> None:
        if stage == "DOT" and len(server.received) == 30:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()

    server.says = kill_at_the_thirtieth
    assert worker.wait(60) == -signal.SIGKILL
    server.says = as_usual
    uncertain = states()["sending"]
    assert 1 <= uncertain <= CONNECTIONS
    find_dead_jobs()
    deliver_due()
    messages = Counter(message.recipient for message in server.received)
    twice = {address for address, number in messages.items() if number > 1}
    assert set(messages) == set(Subscriber.objects.values_list("address", flat=True))
    assert len(server.received) - 60 == len(twice) <= uncertain
    assert twice <= set(Delivery.objects.filter(times_uncertain=1).values_list("subscriber__address", flat=True))
    assert states() == {"sent": 60}
    assert Delivery.objects.filter(times_uncertain__gt=0).count() == uncertain


def start_worker(announcement: int, port: int) -> "subprocess.Popen[bytes]":
    """Run a job in a process of its own."""
    code = f"import django; django.setup(); from incidents.notifications import jobs; jobs.deliver({announcement}, 100)"
    variables = {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "EMAIL_CONNECTIONS": str(CONNECTIONS)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment() | variables, cwd=settings.BASE_DIR, start_new_session=True
    )


def find_dead_jobs() -> None:
    """Let half a minute pass as the scheduler sees it: a killed job has no session any more, and is found twice."""
    wait_for_lost_sessions()
    for seconds in (15, 30):
        recovery.recover_abandoned(timezone.now() + timedelta(seconds=seconds))
    Delivery.objects.filter(state="uncertain").update(next_attempt_at=timezone.now())
