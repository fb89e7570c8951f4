"""PostgreSQL and Valkey from the packages, as `make run` and the tests themselves use them."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from statuspage.local import postgres_home
from statuspage.local.postgres import PostgreSQL
from statuspage.local.process import CannotStart
from statuspage.local.servers import Servers
from statuspage.local.valkey import Valkey


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A folder that PostgreSQL's account can enter, unlike those of pytest."""
    folder = Path(os.environ["VAR_DIR"]) / tmp_path.name
    folder.mkdir(parents=True)
    return folder


def postgres(var: Path, *, lasting: bool = True) -> PostgreSQL:
    return PostgreSQL(var / "postgres", var / "postgres.log", lasting=lasting)


def test_servers_answer_and_are_named_while_the_block_lasts(var: Path) -> None:
    environment: dict[str, str] = {}
    with Servers(var, environment, lasting=False):
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT lower('ÆØÅ')").fetchone() == ("æøå",)
        with Redis.from_url(environment["REDIS_URL"]) as queue:
            assert queue.ping()
    assert environment == {}
    assert not (var / "postgres").exists()


def test_named_servers_are_left_to_their_owner(var: Path) -> None:
    environment = {"DATABASE_URL": "postgresql://elsewhere/x", "REDIS_URL_FILE": "/run/secrets/redis"}
    with Servers(var, environment) as servers:
        assert servers.running == []
    assert environment["DATABASE_URL"] == "postgresql://elsewhere/x"


def test_data_survive_a_restart(var: Path) -> None:
    server = postgres(var)
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    server.stop()


def test_database_recovers_after_being_killed(var: Path) -> None:
    server = postgres(var)
    server.start()
    assert server.process
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert not server.alive()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_orphan_of_a_killed_supervisor_is_ended_first(var: Path) -> None:
    orphan, successor = postgres(var), postgres(var)
    orphan.start()
    successor.start()
    assert orphan.process
    assert orphan.process.wait() == 0
    assert successor.alive()
    successor.stop()


def test_process_with_the_id_of_an_old_server_is_left_alone(var: Path) -> None:
    server = postgres(var)
    server.start()
    server.stop()
    stale = server.data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.data}\n", encoding="utf-8")
    server.start()
    assert server.alive()
    server.stop()


def test_interrupted_first_start_is_repeated(var: Path) -> None:
    unfinished = var / "postgres" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n", encoding="ascii")
    server = postgres(var, lasting=False)
    server.start()
    assert server.alive()
    server.stop()


def test_first_start_interrupted_while_moving_data_is_repeated(var: Path) -> None:
    server = postgres(var, lasting=False)
    (var / "postgres" / "base" / "1").mkdir(parents=True)
    (var / "postgres" / "pg_hba.conf").touch()
    server.start()
    assert server.alive()
    server.stop()


def test_data_of_another_version_are_refused(var: Path) -> None:
    server = postgres(var)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9.6\n", encoding="ascii")
    with pytest.raises(CannotStart, match=r"written by PostgreSQL 9\.6"):
        server.start()


def test_missing_programs_are_reported(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CannotStart, match="DATABASE_URL="):
        postgres(var).start()
    with pytest.raises(CannotStart, match="REDIS_URL="):
        Valkey(var / "valkey", var / "valkey.log").start()


def test_very_long_path_does_not_break_the_sockets(var: Path) -> None:
    deep = var / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    environment: dict[str, str] = {}
    with Servers(deep, environment, lasting=False), psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_socket_lets_in_only_those_who_know_the_password(var: Path) -> None:
    server = postgres(var)
    server.start()
    secret = var / "postgres-password"
    assert secret.stat().st_mode & 0o777 == 0o600
    without = server.url.replace(f":{secret.read_text(encoding='ascii')}@", "@")
    assert without != server.url
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(without)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_data_of_an_older_version_are_closed_too(var: Path) -> None:
    server = postgres(var)
    server.start()
    server.stop()
    (var / "postgres-password").unlink()
    (server.data / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")
    server = postgres(var)
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace(f":{server.password}@", "@"))
    server.stop()


def test_lost_password_is_replaced(var: Path) -> None:
    server = postgres(var)
    server.start()
    server.stop()
    (var / "postgres-password").unlink()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_logs_are_closed_to_others_also_those_of_an_older_version(var: Path) -> None:
    log = var / "log" / "valkey.log"
    log.parent.mkdir(mode=0o755)
    log.touch(mode=0o644)
    server = Valkey(var / "valkey", log, lasting=False)
    server.start()
    server.stop()
    assert log.stat().st_mode & 0o777 == 0o640
    assert log.parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives the database an account of its own")
class TestAsRoot:
    def test_data_move_out_of_a_closed_folder(self, var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres_home, "OUTSIDE", var / "elsewhere")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        server = postgres(closed)
        server.start()
        assert server.folder.is_symlink()
        assert server.folder.resolve().parent == var / "elsewhere"
        server.stop()
        server.start()
        assert server.alive()
        server.stop()
        assert closed.stat().st_mode & 0o777 == 0o700

    def test_parents_of_the_data_keep_their_permissions(self, var: Path) -> None:
        var.chmod(0o711)
        server = postgres(var)
        server.start()
        server.stop()
        assert var.stat().st_mode & 0o777 == 0o711
        assert var.stat().st_uid == 0
        assert server.folder.stat().st_uid != 0


def test_valkey_replaces_the_socket_of_a_killed_server(var: Path) -> None:
    first, second = (Valkey(var / "valkey", var / "valkey.log", lasting=False) for _ in range(2))
    first.start()
    assert first.process
    first.process.kill()
    first.process.wait()
    second.start()
    with Redis.from_url(second.url) as queue:
        assert queue.ping()
    second.stop()
