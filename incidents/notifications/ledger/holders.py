"""Holders: the running jobs of workers, and what happens to the deliveries of one that has died.

A job renews its row every few seconds and keeps a session lock in PostgreSQL, which ends
with its connection. A job counts as dead once it has neither lock nor renewal, or once it
has not renewed for a minute: behind a connection pooler, locks prove nothing. But it is
alive while its session executes a statement that it began in that minute: it may wait for
a migration. In all cases it gets a few more seconds, because a database that has just
restarted has no sessions yet.
"""

import logging
import os
import socket
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from ...models import Delivery, Destination, Holder

logger = logging.getLogger(__name__)

RENEW_EVERY = timedelta(seconds=5)
# Without a renewal for so long, and without its session, a job is suspected; after as long again it counts as dead.
SILENCE = timedelta(seconds=8)
LEASE = timedelta(seconds=60)
# The first of the two keys of the session lock; the second is the holder.
_LOCK_CLASS = 0x486F6C64


class HolderLost(Exception):
    """The job counted as dead, and its deliveries are free for others: it must end."""


def register(now: datetime) -> int:
    return Holder.objects.create(worker=f"{socket.gethostname()}:{os.getpid()}"[:100], renewed_at=now).pk


def lock_session(holder: int) -> None:
    """Take the session lock that shows that this job's connection is open. It ends with the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [_LOCK_CLASS, holder])


def unlock_session(holder: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [_LOCK_CLASS, holder])


def renew(holder: int, now: datetime) -> None:
    """Raises HolderLost."""
    if not Holder.objects.filter(pk=holder).update(renewed_at=now, suspected_at=None):
        raise HolderLost(f"Job {holder} did not renew its claims in time.")


def require(holder: int) -> None:
    """Keep the holder from being removed until this transaction ends. Raises HolderLost."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {Holder._meta.db_table} WHERE id = %s FOR KEY SHARE", [holder])
        if not cursor.rowcount:
            raise HolderLost(f"Job {holder} counted as dead.")


@transaction.atomic
def end(holder: int) -> None:
    """Give back all that the job has claimed. What is still in flight is left to `recovery`, as of a dead worker."""
    Destination.objects.filter(prober=holder).update(prober=None)
    Delivery.objects.waiting().filter(holder=holder).update(holder=None, claimed_at=None)
    Holder.objects.filter(pk=holder).delete()


@transaction.atomic
def remove_dead(now: datetime) -> None:
    """Delete the holders whose jobs have died. Their deliveries are free from then on."""
    sessions = _sessions()
    silent = Holder.objects.filter(renewed_at__lte=now - SILENCE)
    silent = silent.filter(Q(renewed_at__lte=now - LEASE) | ~Q(pk__in=sessions))
    for holder, executing_since in sessions.items():
        if executing_since is not None:
            silent = silent.exclude(pk=holder, renewed_at__gt=executing_since - LEASE)
    for dead in silent.filter(suspected_at__lte=now - SILENCE).select_for_update(skip_locked=True):
        logger.error("The worker %s has died; its deliveries are given to others", dead)
        dead.delete()
    silent.filter(suspected_at__isnull=True).update(suspected_at=now)


def without_row() -> list[int]:
    """Return the holders of deliveries and of probes that no longer exist."""
    claimed = Delivery.objects.filter(holder__isnull=False).order_by().values_list("holder", flat=True).distinct()
    probed = Destination.objects.filter(prober__isnull=False).values_list("prober", flat=True)
    claiming = {holder for holder in (*claimed, *probed) if holder is not None}
    return sorted(claiming - set(Holder.objects.filter(pk__in=claiming).values_list("pk", flat=True)))


def _sessions() -> dict[int, datetime | None]:
    # Return the holders whose sessions are open, and since when each executes a statement.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint, CASE state WHEN 'active' THEN query_start END"
            " FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_LOCK_CLASS],
        )
        return dict(cursor.fetchall())
