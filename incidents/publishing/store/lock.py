"""The lock that makes publishers wait for each other.

Each renders what is committed once it has the lock, so the newest committed content wins.
"""

from django.db import connection

# Arbitrary numbers that nothing else locks.
_LOCK = 7_023_109_451
_READERS_WAIT = 7_023_109_452


def acquire(*, shared: bool = False) -> None:
    """Wait for the publisher before this one; the lock ends with the transaction, even if the process dies.

    The processes of `publish_all` share it: none of them has newer content that another could overwrite.
    """
    _lock("pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock", _LOCK)


def acquire_for_readers() -> None:
    """The same for pages that readers wait for. A publisher of others sees that, and lets this one go first."""
    _lock("pg_advisory_xact_lock_shared", _READERS_WAIT)
    acquire()


def do_readers_wait() -> bool:
    """Whether another publisher has called `acquire_for_readers`, and waits. Call it while holding the lock."""
    return _is_held(_READERS_WAIT)


def is_held() -> bool:
    """Whether a publisher is at work."""
    return _is_held(_LOCK)


def _is_held(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE granted AND locktype = 'advisory' AND objsubid = 1"
            " AND (classid::bigint << 32) + objid::bigint = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [number],
        )
        return bool(cursor.fetchone()[0])


def _lock(function: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [number])
