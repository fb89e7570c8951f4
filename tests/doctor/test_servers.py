"""What `doctor` finds about PostgreSQL and Valkey."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from harness.ports import free_port
from incidents.doctor import servers
from incidents.notifications import queues
from statuspage.local.valkey import Valkey


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A queue of this test's own."""
    server = Valkey(tmp_path / "valkey", tmp_path / "valkey.log", lasting=False)
    server.start()
    own = Redis.from_url(server.url)
    use(own, monkeypatch)
    yield own
    own.close()
    server.stop()


def use(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "queue", lambda name: Queue(name, connection=redis))


@pytest.mark.django_db
def test_database_is_named_with_its_version() -> None:
    result = servers.database_answers()
    assert (result.state, result.found.split()[0]) == ("OK", "PostgreSQL")


@pytest.mark.django_db
def test_database_that_is_down_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))
    result = servers.database_answers()
    assert result.state == "FAIL"
    assert "Connection refused" in result.found


@pytest.mark.django_db
def test_database_that_is_too_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.features, "minimum_database_version", (99,))
    assert "99 is the oldest supported" in servers.database_answers().advice


@pytest.mark.django_db
def test_database_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    options = connection.settings_dict["OPTIONS"] | {"options": "-c default_transaction_read_only=on"}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert (servers.database_answers().state, servers.database_answers().found) == ("FAIL", "read-only")


@pytest.mark.django_db
def test_database_with_another_encoding_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters: dict[str, Any] = connection.get_connection_params()
    with psycopg.connect(**parameters, autocommit=True) as own:
        own.execute("DROP DATABASE IF EXISTS doctor_ascii")
        own.execute("CREATE DATABASE doctor_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    parameters |= {"dbname": "doctor_ascii"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: parameters)
    assert servers.database_answers().found == "the encoding is SQL_ASCII"


def test_queue_of_its_own_is_fine(redis: Redis) -> None:
    result = servers.queue_answers()
    assert result.state == "OK"
    assert "noeviction" in result.found
    assert "keeps nothing on disk" in result.found
    redis.config_set("appendonly", "yes")
    assert "snapshots or log on disk" in servers.queue_answers().found


def test_queue_that_is_down_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    use(Redis(host="127.0.0.1", port=free_port(), retry=Retry(NoBackoff(), 0)), monkeypatch)
    result = servers.queue_answers()
    assert result.state == "FAIL"
    assert "Connection refused" in result.found


def test_queue_that_may_lose_jobs_fails(redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    result = servers.queue_answers()
    assert (result.state, result.found) == ("FAIL", "maxmemory-policy is allkeys-lru")


@pytest.mark.parametrize(("share", "state"), [(0.5, "OK"), (0.88, "WARN"), (0.99, "FAIL")])
def test_queue_whose_memory_is_nearly_full_is_noticed(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, share: float, state: str
) -> None:
    known: dict[str, Any] = redis.info() | {"maxmemory": 1_000_000, "used_memory": int(share * 1_000_000)}
    monkeypatch.setattr(redis, "info", lambda: known)
    assert servers.queue_answers().state == state


def test_snapshot_that_failed_is_a_warning(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = redis.info() | {"rdb_last_bgsave_status": "err"}
    monkeypatch.setattr(redis, "info", lambda: known)
    assert servers.queue_answers().found == "its last snapshot failed"


def test_queue_that_keeps_its_state_secret_is_a_warning_and_needs_no_configuration(redis: Redis) -> None:
    redis.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-config"], keys=["*"])
    assert (servers.queue_answers().state, "snapshots unknown" in servers.queue_answers().found) == ("OK", True)
    redis.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-info"], keys=["*"])
    assert servers.queue_answers().state == "WARN"
