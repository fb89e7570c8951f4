"""`/healthz` and `/readyz`."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from incidents.publishing.store.public_store import PublicStore
from statuspage import probes
from tests.public_site.sites import published, site
from tests.support.wsgi import ask

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


def test_ready_when_database_queue_and_public_store_answer(client: Client, public_store: Path) -> None:
    public_store.mkdir()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "queue": True, "public_store": True, "reasons": {}}


def test_probing_leaves_nothing_in_the_store(client: Client, public_store: Path) -> None:
    public_store.mkdir()
    client.get("/readyz")
    assert list(public_store.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
def test_store_that_cannot_be_written_is_not_ready(
    client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    public_store.mkdir()
    refuse_writing(monkeypatch, number)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["public_store"] is False
    assert answer.json()["reasons"] == {"public_store": reason}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_not_ready(client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk still allows creating a file; only writing fails."""
    public_store.mkdir()
    full = "incidents.publishing.store.public_store.tempfile.TemporaryFile"
    with Path("/dev/full").open("wb", buffering=0) as file:
        monkeypatch.setattr(full, lambda **_options: file)
        answer = client.get("/readyz")
    assert answer.json()["reasons"] == {"public_store": "No space left on device"}


def test_missing_store_is_not_ready(client: Client, public_store: Path) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"public_store": "No such file or directory"}


def test_leftover_of_a_killed_probe_is_not_a_document_and_is_removed(public_store: Path) -> None:
    """On systems without nameless files, a probe that is killed leaves its file behind."""
    public_store.mkdir()
    (public_store / f"{PublicStore.PROBE_PREFIX}abc.tmp").touch()
    assert list(PublicStore().paths()) == []
    PublicStore().clear_leftovers()
    assert list(public_store.iterdir()) == []


def test_readiness_can_only_be_read(public_store: Path) -> None:
    answer = Client(enforce_csrf_checks=True).post("/readyz")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_liveness_can_only_be_read(tmp_path: Path, method: str) -> None:
    answer = ask(site(published(tmp_path / "public").root), "/healthz", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_many_probes_cause_one_check(client: Client, public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public_store.mkdir()
    checks: list[int] = []
    now = [100.0]
    monkeypatch.setattr(probes, "monotonic", lambda: now[0])

    def check() -> str:
        checks.append(1)
        return ""

    monkeypatch.setattr(probes, "_database", check)
    assert [client.get("/readyz").status_code for _ in range(5)] == [200] * 5
    assert len(checks) == 1
    now[0] += probes.CHECK_EVERY
    client.get("/readyz")
    assert len(checks) == 2


def test_probe_during_a_check_gets_the_latest_result(public_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public_store.mkdir()
    readiness = probes.Readiness()
    monkeypatch.setattr(probes, "CHECK_EVERY", 0)
    first = readiness.reasons()
    monkeypatch.setattr(probes, "_database", lambda: "does not answer" if readiness.reasons() is first else "")
    assert readiness.reasons()["database"] == "does not answer"
