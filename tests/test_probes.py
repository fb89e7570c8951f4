"""`/readyz?deep=1`; the other probes are tested in `tests/public_site/`."""

import errno
import os
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError

from harness.waiting import PATIENCE
from incidents.notifications.monitoring import health
from incidents.publishing.store.public_store import PublicStore
from statuspage import probes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No result of an earlier test is known."""
    monkeypatch.setattr(probes, "readiness", probes.Readiness())


def refuse_writing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Simulate a full or read-only disk; permissions would not stop root."""

    def refused(*_args: Any, **_options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("incidents.publishing.store.public_store.tempfile.TemporaryFile", refused)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler and the workers run."""
    monkeypatch.setattr(health, "last_heartbeat", timezone.now)
    monkeypatch.setattr(health, "queues_without_worker", lambda _now: [])


@pytest.mark.usefixtures("running")
def test_ready_when_all_parts_work(client: Client, public_store: Path) -> None:
    public_store.mkdir()
    answer = client.get("/readyz?deep=1")
    assert answer.status_code == 200
    parts = ("database", "queue", "public_store", "scheduler", "workers")
    assert answer.json() == {"ready": True, "checks": dict.fromkeys(parts, "ok")}


@pytest.mark.django_db(transaction=True)
def test_scheduler_and_workers_that_do_not_run_are_named(client: Client, public_store: Path) -> None:
    public_store.mkdir()
    answer = client.get("/readyz?deep=1")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (checks["scheduler"], checks["workers"]) == ("is not running", "none for delivery, messages, requests")


@pytest.mark.django_db(transaction=True)
def test_heartbeat_shows_that_the_scheduler_runs(client: Client, public_store: Path) -> None:
    health.record_heartbeat()
    assert client.get("/readyz?deep=1").json()["checks"]["scheduler"] == "ok"


def test_dead_database_and_queue_are_named_and_nothing_else_is_told(
    client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_store.mkdir()

    def dead(*_args: Any, **_options: Any) -> Any:
        raise OperationalError("connection to 10.0.0.7 failed")

    def dead_queue(*_args: Any, **_options: Any) -> Any:
        raise RedisError("10.0.0.8 is silent")

    monkeypatch.setattr("django.db.backends.postgresql.base.DatabaseWrapper.cursor", dead)
    monkeypatch.setattr("incidents.notifications.queues.queue", dead_queue)
    answer = client.get("/readyz?deep=1")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "does not answer",
        "queue": "does not answer",
        "public_store": "ok",
        "scheduler": "unknown",
        "workers": "unknown",
    }


def test_check_that_hangs_delays_the_response_no_longer_than_the_limit_and_runs_once(
    public_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_store.mkdir()
    monkeypatch.setattr(probes, "CHECK_EVERY", 0)
    started, go_on = Semaphore(0), Event()

    def hanging() -> str:
        started.release()
        go_on.wait()
        return "ok"

    monkeypatch.setattr(probes, "_database", hanging)
    monkeypatch.setattr(probes, "LIMIT", 0.01)
    readiness = probes.Readiness()
    assert [readiness.results()["database"] for _ in range(2)] == ["does not answer in time"] * 2
    go_on.set()
    monkeypatch.setattr(probes, "LIMIT", PATIENCE)
    assert readiness.results()["database"] == "ok"
    assert started.acquire(blocking=False)
    assert not started.acquire(blocking=False)


def test_probing_leaves_nothing_in_the_store(client: Client, public_store: Path) -> None:
    public_store.mkdir()
    client.get("/readyz?deep=1")
    assert list(public_store.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
def test_store_that_cannot_be_written_is_not_ready(
    client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    public_store.mkdir()
    refuse_writing(monkeypatch, number)
    answer = client.get("/readyz?deep=1")
    assert answer.status_code == 503
    assert answer.json()["checks"]["public_store"] == reason


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_not_ready(client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk still allows creating a file; only writing fails."""
    public_store.mkdir()
    full = "incidents.publishing.store.public_store.tempfile.TemporaryFile"
    with Path("/dev/full").open("wb", buffering=0) as file:
        monkeypatch.setattr(full, lambda **_options: file)
        answer = client.get("/readyz?deep=1")
    assert answer.json()["checks"]["public_store"] == "No space left on device"


def test_missing_store_is_not_ready(client: Client, public_store: Path) -> None:
    answer = client.get("/readyz?deep=1")
    assert answer.status_code == 503
    assert answer.json()["checks"]["public_store"] == "No such file or directory"


def test_leftover_of_a_killed_probe_is_not_a_document_and_is_removed(public_store: Path) -> None:
    """On systems without nameless files, a probe that is killed leaves its file behind."""
    public_store.mkdir()
    (public_store / f"{PublicStore.PROBE_PREFIX}abc.tmp").touch()
    assert list(PublicStore().paths()) == []
    PublicStore().remove_leftovers(PublicStore().half_written())
    assert list(public_store.iterdir()) == []


def test_readiness_can_only_be_read(public_store: Path) -> None:
    answer = Client(enforce_csrf_checks=True).post("/readyz?deep=1")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.usefixtures("running")
def test_many_probes_cause_one_check(client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public_store.mkdir()
    checks: list[int] = []
    now = [100.0]
    monkeypatch.setattr(probes, "monotonic", lambda: now[0])

    def check() -> str:
        checks.append(1)
        return "ok"

    monkeypatch.setattr(probes, "_database", check)
    assert [client.get("/readyz?deep=1").status_code for _ in range(5)] == [200] * 5
    assert len(checks) == 1
    now[0] += probes.CHECK_EVERY
    client.get("/readyz?deep=1")
    assert len(checks) == 2


def test_probe_during_a_check_gets_the_latest_result(public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public_store.mkdir()
    readiness = probes.Readiness()
    monkeypatch.setattr(probes, "CHECK_EVERY", 0)
    first = readiness.results()
    monkeypatch.setattr(probes, "_database", lambda: "does not answer" if readiness.results() is first else "ok")
    assert readiness.results()["database"] == "does not answer"
