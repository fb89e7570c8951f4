"""What `/metrics` tells of publishing, deliveries, the queue and the processes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis.exceptions import RedisError
from rq import SimpleWorker

from incidents import counters, scheduler
from incidents.chore_counts import RunCounts
from incidents.metrics import definitions
from incidents.metrics.exposition import render
from incidents.models import StaleSubject, Subscriber
from incidents.notifications import queues
from incidents.notifications.monitoring import health
from incidents.publishing.store import changes, publisher
from incidents.sign_in.log_in_counts import LogIn, count_log_in
from incidents.subscriptions import lifecycle, limits
from statuspage import metrics
from statuspage.metric_values import from_database, from_queue
from statuspage.parallel import Parallel
from tests.factories import make_incident, make_subscriber

TOKEN = "a-token-of-prometheus"


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def stored(*names: str) -> dict[str, float]:
    """Return what PostgreSQL knows, of the metrics with these names."""
    return values(render(from_database(timezone.now())), names)


def values(text: str, names: tuple[str, ...]) -> dict[str, float]:
    rows = re.findall(r"^statuspage_(\w+)(\S*) (\S+)$", text, re.MULTILINE)
    return {name + labels: float(value) for name, labels, value in rows if name in names}


def ask(client: Client) -> str:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("public_store")
def test_publishing_is_measured_from_the_change() -> None:
    make_incident()
    StaleSubject.objects.all().delete()
    StaleSubject.objects.create(subject="page", since=timezone.now() - timedelta(seconds=7))
    assert stored("unpublished_changes") == {"unpublished_changes": 1}
    assert 7 <= stored("unpublished_oldest_age_seconds")["unpublished_oldest_age_seconds"] < 30
    changes.publish_stale()
    names = ("publish_duration_seconds_bucket", "publish_duration_seconds_count", "unpublished_oldest_age_seconds")
    found = stored(*names)
    assert found['publish_duration_seconds_bucket{le="5"}'] == 0
    assert found["publish_duration_seconds_count"] == found['publish_duration_seconds_bucket{le="30"}'] == 1
    assert found["unpublished_oldest_age_seconds"] == 0
    assert stored("last_publish_timestamp_seconds")


@pytest.mark.django_db
def test_documents_published_again_in_the_background_are_no_change_that_waits() -> None:
    assert stored("background_documents") == {"background_documents": 0}
    StaleSubject.objects.create(subject="archive", done=4_200, total=20_448)
    assert stored("background_documents", "unpublished_changes") == {
        "background_documents": 16_248,
        "unpublished_changes": 0,
    }


@pytest.mark.django_db
def test_documents_that_cannot_be_written_are_counted_by_target(
    public_store: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> Iterator[tuple[str, BaseException]]:
        yield "/da/", OSError(5, "the bucket is gone")

    monkeypatch.setattr("incidents.publishing.store.mirror.update", refuse)
    StaleSubject.objects.create(subject="page")
    changes.publish_stale()
    assert stored("failed_documents") == {
        'failed_documents{target="store"}': 0,
        'failed_documents{target="mirror"}': 1,
    }
    changes.publish_stale()
    assert stored("publish_errors_total")['publish_errors_total{target="mirror"}'] == 2
    assert not stored("last_publish_timestamp_seconds")


@pytest.mark.django_db
def test_sign_ups_are_counted_by_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STAMP", limits.Limit("stamp", timedelta(hours=6), burst=1))
    limits.take_request(network="", stamp="a")
    with pytest.raises(limits.LimitReached):
        limits.take_request(network="", stamp="a")
    assert stored("sign_ups_total") == {
        'sign_ups_total{outcome="requested"}': 0,
        'sign_ups_total{outcome="confirmed"}': 0,
        'sign_ups_total{outcome="refused"}': 1,
    }


@pytest.mark.django_db
def test_comparison_of_the_store_is_shown_until_the_next_one(public_store: Path) -> None:
    publisher.publish_all()
    (public_store / "unknown.txt").write_text("not ours")
    with pytest.raises(CommandError, match="1 difference"):
        call_command("publish", check=True, verbosity=0)
    counters.combine()
    assert stored("store_differences") == {"store_differences": 1}
    assert stored("last_store_check_timestamp_seconds")
    (public_store / "unknown.txt").unlink()
    call_command("publish", check=True, verbosity=0)
    assert stored("store_differences") == {"store_differences": 0}


@pytest.mark.django_db
def test_every_outcome_of_a_log_in_is_shown_before_it_happens() -> None:
    count_log_in(LogIn.REFUSED)
    assert stored("log_ins_total") == {
        'log_ins_total{outcome="succeeded"}': 0,
        'log_ins_total{outcome="refused"}': 1,
        'log_ins_total{outcome="limited"}': 0,
    }


@pytest.mark.django_db(transaction=True)
def test_chores_are_counted_with_their_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "run_counts", RunCounts())

    def failing() -> None:
        raise RuntimeError

    scheduler.run_due([scheduler.Chore(failing, timedelta()), scheduler.Chore(scheduler.begin_day, timedelta())], 0.0)
    assert stored("scheduler_runs_total") == {}
    for _time in range(2):
        scheduler.store_run_counts()
    assert stored("scheduler_runs_total") == {
        'scheduler_runs_total{chore="failing"}': 1,
        'scheduler_runs_total{chore="begin_day"}': 1,
    }
    assert stored("scheduler_failures_total") == {
        'scheduler_failures_total{chore="failing"}': 1,
        'scheduler_failures_total{chore="begin_day"}': 0,
    }


@pytest.mark.django_db
def test_counts_that_cannot_be_stored_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = RunCounts()
    counts.add(definitions.SCHEDULER_RUNS, "begin_day")

    def dead(*_arguments: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr("incidents.counters.add", dead)
        with pytest.raises(OperationalError):
            counts.store()
    counts.store()
    assert stored("scheduler_runs_total") == {'scheduler_runs_total{chore="begin_day"}': 1}


@pytest.mark.django_db
def test_queue_is_described_with_its_oldest_job_and_workers() -> None:
    queues.enqueue_messages()
    worker = SimpleWorker([queues.queue(queues.MESSAGES)], connection=queues.queue(queues.MESSAGES).connection)
    worker.register_birth()  # type: ignore[no-untyped-call]
    try:
        text = render(from_queue(timezone.now() + timedelta(seconds=9)))
    finally:
        worker.register_death()  # type: ignore[no-untyped-call]
    names = ("queue_jobs", "workers", "queue_oldest_job_age_seconds", "worker_start_time_seconds")
    found = values(text, names)
    assert found['queue_jobs{queue="messages"}'] == found['workers{queue="messages"}'] == 1
    assert found['queue_jobs{queue="posts"}'] == found['workers{queue="posts"}'] == 0
    assert 9 <= found['queue_oldest_job_age_seconds{queue="messages"}'] < 30
    assert found['queue_oldest_job_age_seconds{queue="posts"}'] == 0
    started = [name for name in found if name.startswith("worker_start")]
    assert started == ['worker_start_time_seconds{queue="messages"}']


@pytest.mark.django_db(transaction=True)
def test_response_has_every_metric_of_the_application(client: Client) -> None:
    health.record_heartbeat()
    text = ask(client)
    shown = set(re.findall(r"^# TYPE statuspage_(\w+) ", text, re.MULTILINE))
    assert shown == {one.name for one in definitions.ALL} - {one.name for one in definitions.OF_WEB_SERVER}
    assert values(text, ("database_up", "queue_up")) == {"database_up": 1, "queue_up": 1}


@pytest.mark.django_db(transaction=True)
def test_response_tells_that_database_and_queue_are_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_arguments: Any, **_options: Any) -> Any:
        raise OperationalError("connection to 10.0.0.7 failed")

    def dead_queue(*_arguments: Any, **_options: Any) -> Any:
        raise RedisError("10.0.0.8 is silent")

    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.cursor", dead)
    monkeypatch.setattr("redis.client.Redis.execute_command", dead_queue)
    text = ask(client)
    assert values(text, ("database_up", "queue_up")) == {"database_up": 0, "queue_up": 0}
    assert "application_start_time_seconds" in text
    assert "deliveries" not in text
    assert "10.0.0" not in text


@pytest.mark.django_db(transaction=True)
def test_database_that_does_not_answer_delays_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    released = Event()

    def silent(_now: Any) -> Iterator[Any]:
        assert released.wait(60)
        yield from ()

    monkeypatch.setattr(metrics, "from_database", silent)
    monkeypatch.setattr(metrics, "_parallel", Parallel())
    monkeypatch.setattr(metrics, "LIMIT", 0.2)
    try:
        for _scrape in range(2):
            assert values(ask(client), ("database_up",)) == {"database_up": 0}
    finally:
        released.set()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"BEARER  {TOKEN}", 200),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer{TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer ", 401),
        ("Bearer \xe6\xf8", 401),
        ("", 401),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_metrics_require_the_token_with_its_scheme(client: Client, sent: str, status: int) -> None:
    assert client.get("/metrics", headers={"Authorization": sent}).status_code == status


@pytest.mark.django_db
def test_without_a_token_in_the_settings_there_is_no_page(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.django_db
def test_confirmed_subscriber_is_counted() -> None:
    subscriber = make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)
    lifecycle.activate(subscriber)
    assert stored("sign_ups_total")['sign_ups_total{outcome="confirmed"}'] == 1
