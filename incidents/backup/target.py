"""What a backup is restored into: whether it is in use, and what would be lost."""

import time

from django.conf import settings
from django.db import connection

from . import programs
from .errors import BackupError
from .manifest import Manifest

_PATIENCE = 30  # tenths of a second
# Any of these has rows once a page is in use; `migrate` alone fills none of them.
_IN_USE = ("auth_user", "incidents_page", "incidents_incident", "incidents_component", "incidents_subscriber")


def is_in_use() -> bool:
    """Whether the database has anything that a restore would replace."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if tables and "django_migrations" not in tables:
            raise BackupError("The database has tables of another program. Restore into a database of its own.")
        for table in tables.intersection(_IN_USE):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608 - own names only
            if cursor.fetchone()[0]:
                return True
    return False


def page_name() -> str:
    """Return what to type before the page is replaced: its name in the default language, else the host of SITE_URL.

    It does not use the model, because the database may be of another version.
    """
    with connection.cursor() as cursor:
        if "incidents_page" not in connection.introspection.table_names(cursor):
            return settings.SITE_HOST
        cursor.execute("SELECT to_jsonb(page) -> 'name' ->> %s FROM incidents_page AS page", [settings.LANGUAGE_CODE])
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] else settings.SITE_HOST


def refuse_unless_stopped() -> None:
    """Raise BackupError while anything else is connected: a worker could send what is about to be replaced.

    A process that has just ended may still have a connection for a moment.
    """
    for _moment in range(_PATIENCE):
        if not _other_connections():
            return
        time.sleep(0.1)
    others = _other_connections()
    raise BackupError(
        f"{others} other connection{'' if others == 1 else 's'} to the database. Stop the web server, the workers and "
        "the scheduler first: systemctl stop statuspage.target."
    )


def _other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def refuse_older_server(manifest: Manifest) -> None:
    """Raise BackupError if the dump is of a newer PostgreSQL than the server."""
    made, server = manifest.facts.postgresql // 10_000, programs.server_version() // 10_000
    if made > server:
        raise BackupError(f"The backup is of PostgreSQL {made}; this server has version {server}. Use a newer server.")
