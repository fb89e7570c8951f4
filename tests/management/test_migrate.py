"""`manage.py migrate` can be killed at any moment, and gives way to the requests of a running release."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Event
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.core.management import CommandError, get_commands, load_command_class
from django.db import OperationalError, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import CreateModel, Migration, RunPython, RunSQL
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from harness.waiting import PATIENCE, wait_for
from incidents.management.commands import migrate
from incidents.models import Heartbeat
from tests.support.database import is_connection_blocked


class Trial(Migration):
    """It has a constraint, which Django adds at the end."""

    operations: ClassVar = [
        CreateModel(
            "Trial",
            [
                ("id", models.AutoField(primary_key=True)),
                ("owner", models.ForeignKey("auth.User", models.CASCADE)),
            ],
        )
    ]


class Killed(Exception):
    pass


def killed(_executor: MigrationExecutor, _migration: Migration) -> None:
    raise Killed


def test_the_product_uses_it() -> None:
    command = load_command_class(get_commands()["migrate"], "migrate")
    assert isinstance(command, migrate.Command)


@pytest.mark.django_db
def test_migration_is_committed_together_with_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = migrate.PatientExecutor(connection, report=print)
    monkeypatch.setattr(MigrationExecutor, "record_migration", killed)
    with pytest.raises(Killed):
        executor.apply_migration(executor.loader.project_state(), Trial("0001_initial", "trial"))
    assert "trial_trial" not in connection.introspection.table_names()


@pytest.mark.django_db
def test_heartbeat_of_the_clock_becomes_that_of_the_scheduler() -> None:
    rename = import_module("incidents.migrations.0013_plain_labels").RENAME_HEARTBEAT.format(
        new="scheduler", old="clock"
    )
    Heartbeat.objects.create(name="clock", beaten_at=timezone.now())
    for _time in range(2):  # the second time nothing is left to rename
        with connection.cursor() as cursor:
            cursor.execute(rename)
        assert [one.name for one in Heartbeat.objects.all()] == ["scheduler"]
    Heartbeat.objects.create(name="clock", beaten_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(rename)  # a new scheduler was faster


@pytest.fixture
def tables() -> Iterator[None]:
    """Two tables that a migration changes while a running release writes to them."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE trial_left (n int); CREATE TABLE trial_right (n int)")
        yield
        cursor.execute("DROP TABLE trial_left, trial_right")
    MigrationRecorder(connection).record_unapplied("trial", "0001_trial")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread with a database connection of its own."""
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(connections.close_all).result()


def trial(*operations: Operation, atomic: bool = True) -> Migration:
    made: type[Migration] = type("Migration", (Migration,), {"operations": list(operations), "atomic": atomic})
    return made("0001_trial", "trial")


def apply(migration: Migration) -> list[str]:
    """Apply it, and return what the operator reads."""
    lines: list[str] = []
    executor = migrate.PatientExecutor(connection, report=lines.append)
    executor.apply_migration(executor.loader.project_state(), migration)
    return lines


def columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


ADD_TO_LEFT = RunSQL("ALTER TABLE trial_left ADD COLUMN extra int")
ADD_TO_RIGHT = RunSQL("ALTER TABLE trial_right ADD COLUMN extra int")


@pytest.mark.django_db(transaction=True)
def test_migration_gives_way_to_a_request_in_a_deadlock(tables: None, pool: ThreadPoolExecutor) -> None:
    has_right, wants_left = Event(), Event()

    def answer_request() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '1h'")  # so that it is never the one that PostgreSQL ends
            cursor.execute("UPDATE trial_right SET n = 1")
            has_right.set()
            assert wants_left.wait(PATIENCE)
            cursor.execute("UPDATE trial_left SET n = 1")

    request = pool.submit(answer_request)
    assert has_right.wait(PATIENCE)

    def wait_until_blocked(*_arguments: object) -> None:
        wants_left.set()
        wait_for(lambda: is_connection_blocked() or request.done())

    lines = apply(trial(ADD_TO_LEFT, RunPython(wait_until_blocked), ADD_TO_RIGHT))
    request.result()
    assert len(lines) >= 1
    assert columns("trial_left") == columns("trial_right") == ["n", "extra"]
    assert ("trial", "0001_trial") in MigrationRecorder(connection).applied_migrations()


@pytest.fixture
def writer(tables: None) -> Iterator[BaseDatabaseWrapper]:
    """Another connection, whose transaction has written to the table on the right."""
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("UPDATE trial_right SET n = 1")
    yield other
    other.rollback()
    other.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Between two attempts, the clock of the command moves on without waiting; the pauses are listed."""
    found: list[float] = []
    monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=found.append, monotonic=lambda: sum(found)))
    return found


@pytest.mark.django_db(transaction=True)
def test_migration_is_tried_again_until_it_gets_its_locks(
    writer: BaseDatabaseWrapper, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            writer.rollback()

    monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=pause, monotonic=lambda: sum(pauses)))
    lines = apply(trial(ADD_TO_LEFT, ADD_TO_RIGHT))
    assert pauses == [0.5, 1, 2, 4, 8, 8]
    process = writer.connection.info.backend_pid
    assert f"oldest transaction: process {process}, idle in transaction, " in lines[0]
    assert lines[0].endswith("next attempt in 0.5 s")
    assert columns("trial_left") == columns("trial_right") == ["n", "extra"]


@pytest.mark.django_db(transaction=True)
def test_migration_that_never_gets_its_locks_changes_nothing(
    writer: BaseDatabaseWrapper, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "PATIENCE", 3)
    with pytest.raises(CommandError, match=r"trial.0001_trial was not applied: its tables are in use .*process \d+"):
        apply(trial(ADD_TO_LEFT, ADD_TO_RIGHT))
    assert pauses == [0.5, 1]
    assert columns("trial_left") == ["n"]
    assert ("trial", "0001_trial") not in MigrationRecorder(connection).applied_migrations()
    writer.rollback()
    apply(trial(ADD_TO_LEFT, ADD_TO_RIGHT))
    assert columns("trial_left") == columns("trial_right") == ["n", "extra"]


def is_waited_for(mode: str) -> bool:
    """Whether another connection waits for such a lock because of one that this thread's connection holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = %s AND pg_backend_pid() = ANY(pg_blocking_pids(pid))",
            [mode],
        )
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_autovacuum_gives_way_to_a_migration_and_requests_do_not_wait(
    tables: None, pool: ThreadPoolExecutor, pauses: list[float]
) -> None:
    locked = Event()

    def vacuum() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE trial_left IN SHARE UPDATE EXCLUSIVE MODE")  # as autovacuum does
            locked.set()
            wait_for(lambda: is_waited_for("ShareUpdateExclusiveLock"), patience=60)  # autovacuum gives way to it
            request = connection.copy()
            request.set_autocommit(False)
            with request.cursor() as other_cursor:
                other_cursor.execute("SET LOCAL lock_timeout = 1")
                other_cursor.execute("UPDATE trial_left SET n = 1")
            request.rollback()
            request.close()

    vacuumed = pool.submit(vacuum)
    assert locked.wait(PATIENCE)
    apply(trial(ADD_TO_LEFT))
    vacuumed.result()
    assert columns("trial_left") == ["n", "extra"]


def seconds_of(setting: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM current_setting(%s)::interval)", [setting])
        return float(cursor.fetchone()[0])


@pytest.mark.django_db
def test_migration_gives_up_a_lock_before_others_look_for_a_deadlock() -> None:
    found: list[float] = []
    apply(trial(RunPython(lambda *_arguments: found.append(seconds_of("lock_timeout")))))
    assert 0 < found[0] < seconds_of("deadlock_timeout")


@pytest.mark.django_db(transaction=True)
def test_migration_that_cannot_be_rolled_back_waits_and_is_not_repeated(writer: BaseDatabaseWrapper) -> None:
    timeouts: list[float] = []

    def fail(*_arguments: object) -> None:
        timeouts.append(seconds_of("lock_timeout"))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE trial_right NOWAIT")

    with pytest.raises(OperationalError, match="could not obtain lock"):
        apply(trial(RunPython(fail), atomic=False))
    assert timeouts == [0]


@pytest.mark.django_db
def test_migration_that_fails_for_another_reason_is_not_repeated() -> None:
    calls: list[str] = []

    def fail(*_arguments: object) -> None:
        calls.append("once")
        raise OperationalError("the disk is full")

    with pytest.raises(OperationalError, match="the disk is full"):
        apply(trial(RunPython(fail)))
    assert calls == ["once"]
