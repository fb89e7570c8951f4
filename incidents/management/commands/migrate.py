"""`manage.py migrate`: like Django's, but commits each migration with its record, and waits for no lock for long.

Django records a migration that adds constraints after its commit. If the process is
killed in between, the next run applies the migration again and fails: "relation
already exists".

A migration often locks several tables, one after the other, while a running release
uses them. While it waits for a lock, requests wait behind it, and a request that has
one of these tables and waits for another is in a deadlock with it. So it gives up a
lock soon, is rolled back and is tried again after a pause.

After all migrations, the groups of the roles get the rights that this version says.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from psycopg.errors import DeadlockDetected, LockNotAvailable

from ...staff import roles

# Less than `deadlock_timeout`, a second by default: a request that waits for longer looks for a deadlock, and ends.
LOCK_TIMEOUT = 200  # milliseconds for each lock
VACUUM_TIMEOUT = 5000  # milliseconds for autovacuum to give way; it does so after `deadlock_timeout`
PATIENCE = 300  # seconds for each migration
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds between two attempts; each pause is twice as long as the one before

_OLDEST_TRANSACTION = """
SELECT pid, CASE backend_type WHEN 'client backend' THEN state ELSE backend_type END,
    extract(epoch FROM clock_timestamp() - xact_start)::int
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""
_VACUUMED_TABLES = """
SELECT DISTINCT relation::regclass::text FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE mode = 'ShareUpdateExclusiveLock' AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relkind = 'r' AND pg_has_role(relowner, 'USAGE') AND relnamespace = current_schema()::regnamespace
"""


class PatientExecutor(MigrationExecutor):
    """`report` gets a line, without its end, for each attempt that failed because a lock was not available."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        progress_callback: Callable[..., None] | None = None,
        *,
        report: Callable[[str], object],
    ) -> None:
        super().__init__(connection, progress_callback)
        self._report = report

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        """Apply and record it. Raises CommandError if it does not get its locks within PATIENCE."""
        if not migration.atomic:
            # It cannot be rolled back, so a second attempt may fail. CREATE INDEX CONCURRENTLY waits for every open
            # transaction, but holds up none.
            return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)
        deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        while True:
            try:
                with self._transaction(LOCK_TIMEOUT):
                    # A clone, because an attempt that fails leaves the state changed.
                    return super().apply_migration(state.clone(), migration, fake=fake, fake_initial=fake_initial)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                    raise
                reason = f"its tables are in use{self._oldest_transaction()}"
                if time.monotonic() + pause > deadline:
                    raise CommandError(_given_up(migration, reason)) from error
            self._report(f" {reason}; next attempt in {pause:g} s")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._stop_autovacuum()  # last, because it soon starts again

    @contextmanager
    def _transaction(self, lock_timeout: int) -> Iterator[None]:
        with transaction.atomic(self.connection.alias):
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {lock_timeout}")
            yield

    def _stop_autovacuum(self) -> None:
        # Autovacuum gives way to a process that has waited for `deadlock_timeout`, which is too long for a migration.
        # So wait for a lock that conflicts with autovacuum, but not with reads and writes.
        with self.connection.cursor() as cursor:
            cursor.execute(_VACUUMED_TABLES)
            tables = [name for (name,) in cursor.fetchall()]
        for table in tables:
            with suppress(OperationalError), self._transaction(VACUUM_TIMEOUT), self.connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")

    def _oldest_transaction(self) -> str:
        # Most likely the one that has the lock. Roles see only their own transactions, superusers see all.
        with self.connection.cursor() as cursor:
            cursor.execute(_OLDEST_TRANSACTION)
            found = cursor.fetchone()
        return " (oldest transaction: process {}, {}, {} s)".format(*found) if found else ""


def _given_up(migration: Migration, reason: str) -> str:
    return (
        f"{migration} was not applied: {reason}, and for {PATIENCE} seconds no attempt got all locks. It has changed "
        "nothing, and the migrations before it are kept. Wait until long transactions have ended, such as those of a "
        "backup, and run the command again."
    )


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        report = self.stdout.write if options["verbosity"] else lambda _line: None
        # Django's command has no other way to set its executor.
        migrate.MigrationExecutor = partial(PatientExecutor, report=report)  # type: ignore[attr-defined]
        super().handle(*args, **options)
        if not (options["app_label"] or options["plan"] or options["check_unapplied"]):
            roles.update_groups()
