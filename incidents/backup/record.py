"""When the last backup was made, as the database remembers it. A restore empties this."""

from datetime import datetime

from ..models import Heartbeat

LAST_BACKUP = "backup"  # the name of a heartbeat


def record_backup(made_at: datetime) -> None:
    """Record that a backup of this moment is complete. Raises DatabaseError if this role may not write."""
    Heartbeat.objects.record(LAST_BACKUP, made_at)


def last_backup() -> datetime | None:
    """Return the moment of the last backup, or None if none is recorded."""
    return Heartbeat.objects.filter(name=LAST_BACKUP).values_list("beaten_at", flat=True).first()
