"""Makes a backup.

The database is dumped in one snapshot. The store is copied after it, so it may contain what was published since: a
restore publishes everything from the database again, which replaces or deletes just that. The other way round, the
dump could promise a document that the copy has in an older version, with an older time of publishing, although readers
have seen the newer one.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from ..models import Delivery, Incident, Subscriber
from ..publishing.store.public_store import PublicStore
from . import programs
from .archive import ArchiveWriter
from .encryption import Recipient, encrypted
from .errors import BackupError
from .manifest import BackupFacts, Manifest

# Owners and rights differ between machines, and `restore` runs as the role that shall own the tables.
DUMP_OPTIONS = ("--format=custom", "--no-owner", "--no-privileges", "--no-comments", "--no-password")


def write_backup(stream: IO[bytes], *, recipients: Sequence[Recipient] = ()) -> Manifest:
    """Write a backup to a stream, encrypted if there are recipients. Call it outside any transaction."""
    with encrypted(stream, recipients) if recipients else nullcontext(stream) as target:
        writer = ArchiveWriter(target)
        with _snapshot() as snapshot:
            facts = _facts()
            with _dump(snapshot) as dump:
                writer.add_dump(dump)
        _add_store(writer)
        return writer.finish(facts)


@contextmanager
def _snapshot() -> Iterator[str]:
    # The manifest and the dump see the same moment.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield str(cursor.fetchone()[0])


def _facts() -> BackupFacts:
    applied = MigrationRecorder(connection).applied_migrations()
    return BackupFacts(
        version=settings.VERSION,
        made_at=timezone.now().replace(microsecond=0),
        site=settings.SITE_URL,
        postgresql=programs.server_version(),
        migrations=sorted(f"{app}.{name}" for app, name in applied),
        rows={
            "incidents": Incident.objects.count(),
            "subscribers": Subscriber.objects.count(),
            "deliveries": Delivery.objects.count(),
        },
    )


@contextmanager
def _dump(snapshot: str) -> Iterator[IO[bytes]]:
    command: list[Path | str] = [programs.find() / "pg_dump", *DUMP_OPTIONS, f"--snapshot={snapshot}"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - PostgreSQL's program
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=programs.environment()
        )
        assert process.stdout  # noqa: S101 - for the type checker
        try:
            yield process.stdout
            if process.wait():
                errors.seek(0)
                raise BackupError(f"pg_dump failed: {errors.read().decode(errors='replace').strip()}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _add_store(writer: ArchiveWriter) -> None:
    store = PublicStore()
    for path in store.files():
        # A publisher replaces files by renaming; the open one stays as it is.
        try:
            source = (store.root / path).open("rb")
        except FileNotFoundError:
            continue  # deleted since it was listed
        with source:
            status = os.fstat(source.fileno())
            writer.add_file(path, source, status.st_size, int(status.st_mtime))
