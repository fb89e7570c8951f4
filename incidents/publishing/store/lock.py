"""The lock that makes publishers wait for each other.

Each renders what is committed once it has the lock, so the newest committed content wins.
"""

from django.db import connection

_LOCK = 7_023_109_451  # an arbitrary number that nothing else locks


def acquire(*, shared: bool = False) -> None:
    """Wait for the publisher before this one; the lock ends with the transaction, even if the process dies.

    The processes of `publish_all` share it: none of them has newer content that another could overwrite.
    """
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
