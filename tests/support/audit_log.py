"""Fills the audit log, and changes it past its triggers."""

from django.db import connection

from incidents.models import AuditEntry
from incidents.staff import audit
from incidents.staff.actors import SCHEDULER


def fill(number: int = 5) -> list[AuditEntry]:
    return [audit.record(SCHEDULER, "publish_due", None, after={"number": one}) for one in range(number)]


def as_superuser(statement: str) -> None:
    """Change the table as somebody does who may disable its triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
