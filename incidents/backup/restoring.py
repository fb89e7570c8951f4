"""Restores a backup: first the database, then the store, then what of the store must be newer.

1. The whole file is verified before anything is changed.
2. The database is replaced in one transaction, together with what `aftermath` stops. If the machine fails, the old
   database is still there; nobody ever sees a restored one that could send something.
3. `migrate` brings it to this version, and the audit log gets an entry.
4. The files of the store are put back, with their times, and everything is published. What has not changed since the
   backup keeps its bytes, its time and its ETag.

After a failure in 3 or 4 the page is not in order, and everything is to be repeated.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection

from ..publishing.store.public_store import PublicStore
from ..publishing.store.publisher import Progress, no_progress, publish_all
from ..staff import audit
from ..staff.actors import command
from . import loading, target
from .archive import ArchiveReader, Entry
from .encryption import Identity
from .errors import BackupError
from .manifest import DATABASE, STORE, Manifest
from .verifying import Watched, opened, verify


@dataclass(frozen=True)
class Restored:
    """`stopped` are numbers of rows, by what they are: see `aftermath`."""

    manifest: Manifest
    stopped: dict[str, int]
    failed: dict[str, str]  # documents that could not be published, and why


def restore(
    file: Path,
    *,
    identities: Sequence[Identity] = (),
    replace: bool = False,
    watched: Watched = lambda stream: stream,
    progress: Progress = no_progress,
) -> Restored:
    """Restore a backup; with `replace` also into a database that is in use.

    Raises BackupError, and OSError if the store cannot be written. Call it outside any transaction.
    """
    _forget_connections()
    if target.is_in_use() and not replace:
        raise BackupError("The database is in use. To replace everything in it, add --replace.")
    target.refuse_unless_stopped()
    manifest = verify(file, identities=identities, watched=watched)
    target.refuse_older_server(manifest)
    target.refuse_unless_stopped()  # verifying may have taken an hour
    with opened(file, identities, watched) as reader:
        entries = reader.entries()
        first_of_store, stopped = _restore_database(reader, entries, manifest)
        _bring_up_to_date(manifest, stopped)
        _put_back(chain(first_of_store, entries))
    report = publish_all(processes=os.cpu_count() or 1, progress=progress)
    return Restored(manifest, stopped, report.failed)


def _restore_database(
    reader: ArchiveReader, entries: Iterator[Entry], manifest: Manifest
) -> tuple[list[Entry], dict[str, int]]:
    following: list[Entry] = []

    def dump() -> Iterator[bytes]:
        for entry in entries:
            if entry.part != DATABASE:
                following.append(entry)
                break
            yield from entry.chunks
        # Before the transaction is committed: somebody may have changed the file since it was verified.
        if reader.parts[DATABASE] != manifest.parts[DATABASE]:
            raise BackupError("The backup was changed while it was being restored.")

    _forget_connections()
    return following, loading.load(dump())


def _forget_connections() -> None:
    # Also those in the pool: they have prepared statements for tables that are about to be replaced.
    connections.close_all()
    for database in connections.all():
        if isinstance(database, PostgresConnection):
            database.close_pool()
    ContentType.objects.clear_cache()


def _bring_up_to_date(manifest: Manifest, stopped: dict[str, int]) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    facts = manifest.facts
    after = {"backup_made_at": facts.made_at, "backup_version": facts.version, "stopped": stopped}
    with transaction.atomic():
        audit.record(command("restore"), "restore_backup", None, after=after)


def _put_back(entries: Iterator[Entry]) -> None:
    store = PublicStore()
    for entry in entries:
        if entry.part != STORE:
            raise BackupError(f"The backup contains {entry.part}/{entry.path} in the wrong place.")
        store.put_back(entry.path, entry.chunks, entry.modified)
    os.sync()  # once for all files, which takes a disk less time than one by one
