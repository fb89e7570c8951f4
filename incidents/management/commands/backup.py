"""`manage.py backup FILE`: makes a backup, or verifies one."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation

from incidents.backup import encryption, files
from incidents.backup.errors import BackupError
from incidents.backup.making import write_backup
from incidents.backup.manifest import Manifest
from incidents.backup.record import record_backup
from incidents.backup.verifying import verify
from incidents.management.progress import read_bar, write_bar


class Command(BaseCommand):
    help = (
        "Writes the database and the public store into one file that only its owner may read: a tar, encrypted with "
        "age if there are recipients. Settings and SECRET_KEY are not in it: keep a copy of /etc/statuspage. --verify "
        "reads a backup completely instead, and exits with 1 if anything is wrong with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            metavar="FILE",
            help="The new file; a folder, in which it is named by the time; or - for the output.",
        )
        parser.add_argument(
            "--recipient",
            action="append",
            metavar="KEY",
            help="Encrypt for this public key, age1… or ssh-…; may be repeated. Default: BACKUP_RECIPIENTS.",
        )
        parser.add_argument("--force", action="store_true", help="Overwrite an existing file.")
        parser.add_argument(
            "--keep", type=int, metavar="N", help="If FILE is a folder: delete all backups in it but the newest N."
        )
        parser.add_argument("--verify", action="store_true", help="Verify the backup FILE instead of writing one.")
        parser.add_argument(
            "--identity", type=Path, metavar="KEYFILE", help="With --verify: the file with the secret key."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            with translation.override("en"):  # for sizes
                done = self.verify(options) if options["verify"] else self.make(options)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup was not written: {error}") from error
        # Not to the standard output, which may be the backup.
        self.stderr.write(f"{done} {time.monotonic() - started:.1f} s.", self.style.SUCCESS)

    def make(self, options: dict[str, Any]) -> str:
        """Write a backup; return what was done."""
        recipients = encryption.recipients_from(options["recipient"] or settings.BACKUP_RECIPIENTS)
        target, keep, folder = options["file"], options["keep"], Path(options["file"])
        if keep is not None and (keep < 1 or not folder.is_dir()):
            raise CommandError("--keep needs a folder and a number of at least 1.")
        if target != files.STANDARD_OUTPUT and folder.is_dir():
            target = str(files.name_in(folder, timezone.now(), encrypted=bool(recipients)))
        with files.written(target, force=options["force"]) as stream, write_bar(stream) as watched:
            manifest = write_backup(watched, recipients=recipients)
        self.record(manifest)
        size = "" if target == files.STANDARD_OUTPUT else f", {Path(target).stat().st_size} bytes"
        deleted = files.delete_oldest(folder, keep, timezone.now()) if keep else []
        older = f" Deleted {len(deleted)} older." if deleted else ""
        kind = "encrypted" if recipients else "not encrypted"
        written = "the backup" if target == files.STANDARD_OUTPUT else target
        return f"Wrote {written} ({kind}{size}): {contents(manifest)}.{older}"

    def record(self, manifest: Manifest) -> None:
        """Record the backup for the metrics; a role that may only read makes backups, too."""
        try:
            record_backup(manifest.facts.made_at)
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            self.stderr.write(f"The backup is complete, but its time was not recorded: {reason}", self.style.WARNING)

    def verify(self, options: dict[str, Any]) -> str:
        """Verify a backup; return what it contains."""
        file = Path(options["file"])
        identities = encryption.identities_from(options["identity"]) if options["identity"] else []
        with read_bar(file) as watched:
            manifest = verify(file, identities=identities, watched=watched)
        facts = manifest.facts
        return (
            f"{file} is intact: a backup of {facts.site} of {facts.made_at.isoformat()}, made by version "
            f"{facts.version} with PostgreSQL {facts.postgresql // 10_000}: {contents(manifest)}."
        )


def contents(manifest: Manifest) -> str:
    """Return what a backup contains, in numbers."""
    rows = ", ".join(f"{number} {name}" for name, number in manifest.facts.rows.items())
    parts = manifest.parts
    return (
        f"{rows}; database {filesizeformat(parts['database'].size)}, {parts['store'].files} published files "
        f"{filesizeformat(parts['store'].size)}"
    )
