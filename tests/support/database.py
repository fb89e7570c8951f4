"""PostgreSQL locks."""

from django.db import connection


def is_connection_blocked() -> bool:
    """Whether another connection waits for a lock that this thread's connection holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None
