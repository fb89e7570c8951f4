"""`manage.py publish`: brings the public store in line with the database."""

import os
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Never

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.publishing import fingerprint
from incidents.publishing.publish import Report, differences, publish_all, publish_stale
from incidents.publishing.store import PublicStore


class Command(BaseCommand):
    help = (
        "Writes to the public store what is stale, or everything where another version of the product wrote it last. "
        "Says what it wrote; exits with 1 where a document failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--all", action="store_true", help="write every document, and delete what should not be there"
        )
        what.add_argument(
            "--check", action="store_true", help="write nothing; list what differs, exit with 1 if anything"
        )
        what.add_argument(
            "--to", type=Path, metavar="DIR", help="write all, then copy the store to DIR for a file host"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self.check_store()
            return
        if options["all"] or options["to"] or not fingerprint.matches(PublicStore()):
            with tqdm(total=0, unit=" documents", disable=None, leave=False) as bar:
                report = publish_all(processes=os.cpu_count() or 1, progress=partial(begin, bar))
        else:
            report = publish_stale()
        self.tell(report)
        if options["to"]:
            PublicStore().copy_to(options["to"])
            self.stdout.write(f"Copied to {options['to']}.")

    def tell(self, report: Report) -> None:
        self.stdout.write(f"Public store: {report}.")
        if report.failed:
            raise CommandError("\n".join(f"{path}: {why}" for path, why in report.failed.items()))

    def check_store(self) -> None:
        found = list(differences())
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"{len(found)} differences between database and public store.")


def begin(bar: "tqdm[Never]", total: int) -> Callable[[int], object]:
    bar.reset(total)
    return bar.update
