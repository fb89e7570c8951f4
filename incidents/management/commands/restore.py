"""`manage.py restore FILE`: restores a backup."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents.backup import encryption, target
from incidents.backup.errors import BackupError
from incidents.backup.restoring import Restored, restore
from incidents.management.commands.publish import FAILURES_SHOWN, progress_bar
from incidents.management.progress import read_bar

STOPPED = {
    "deliveries": "deliveries that were waiting are skipped",
    "announcements": "announcements that were held are cancelled",
    "drafts": "scheduled updates whose time has passed are drafts again",
    "requests": "requests of readers that were waiting are deleted",
}


class Command(BaseCommand):
    help = (
        "Restores a backup into an empty database, and the public store with it. Nothing that was waiting in the "
        "backup is sent or published by itself, and staff must log in again. The backup is verified first. Stop the "
        "web server, the workers and the scheduler before. If it fails or is killed, repeat it with --replace."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The backup.")
        parser.add_argument("--identity", type=Path, metavar="KEYFILE", help="The file with the secret key of age.")
        parser.add_argument(
            "--replace", action="store_true", help="Replace a database that is in use. Asks for the name of the page."
        )
        parser.add_argument("--no-input", action="store_true", help="With --replace: do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        started, file = time.monotonic(), Path(options["file"])
        try:
            if options["replace"] and not options["no_input"] and target.is_in_use():
                confirm()
            identities = encryption.identities_from(options["identity"]) if options["identity"] else []
            with read_bar(file, passes=2) as watched, progress_bar() as progress:
                restored = restore(
                    file, identities=identities, replace=options["replace"], watched=watched, progress=progress
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup was not restored completely; repeat it with --replace. {error}") from error
        self.report(restored, time.monotonic() - started)

    def report(self, restored: Restored, seconds: float) -> None:
        facts = restored.manifest.facts
        self.stdout.write(f"Restored the backup of {facts.made_at.isoformat()} in {seconds:.1f} s.", self.style.SUCCESS)
        for name, number in restored.stopped.items():
            if number:
                self.stdout.write(f"  {number} {STOPPED[name]}")
        if restored.failed:
            failures = [f"{path}: {reason}" for path, reason in restored.failed.items()]
            raise CommandError("\n".join(["Not published:", *failures[:FAILURES_SHOWN]]))
        self.stdout.write("Start the web server, the workers and the scheduler: systemctl start statuspage.target")


def confirm() -> None:
    """Ask for the name of the page that is about to be replaced. Raises BackupError for another answer."""
    name = target.page_name()
    if input(f"Everything in this database will be replaced. Type “{name}” to go on: ").strip() != name:
        raise BackupError("That is not the name of the page. Nothing was changed.")
