"""`manage.py publish`: updates the public store from the database."""

import os
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.models import StaleSubject
from incidents.publishing import failures
from incidents.publishing.store import fingerprint, measures, republishing
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import Progress, differences, publish_all
from incidents.publishing.store.run import Report

FAILURES_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Publishes pending changes of the public page. If the page was last written by another version or with other "
        "settings, publishes every document; of a long history, the scheduler publishes incidents and months in the "
        "background. Documents are replaced atomically. If any document fails, lists the failures and exits with 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--all", action="store_true", help="Write every document and delete all other files.")
        what.add_argument(
            "--check", action="store_true", help="Write nothing; list the differences and exit with 1 if there are any."
        )
        what.add_argument(
            "--to",
            type=folder,
            metavar="DIR",
            help="Write every document, then copy all to DIR, which any web server or file host can serve.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self.check_store()
            return
        started, self.verbosity = time.monotonic(), options["verbosity"]
        is_outdated = not fingerprint.matches(PublicStore())
        in_background = is_outdated and republishing.is_outdated() and republishing.is_archive_long()
        if options["all"] or options["to"] or (is_outdated and not in_background):
            with progress_bar() as progress:
                report = publish_all(processes=os.cpu_count() or 1, progress=progress)
        elif in_background:
            report = self.publish_after_upgrade()
        else:
            report = publish_stale()
            report.add(republishing.publish_archive())
        self.print_report(report, time.monotonic() - started)
        if options["to"]:
            PublicStore().copy_to(options["to"])
            self.stdout.write(f"Copied to {options['to']}.")

    def publish_after_upgrade(self) -> Report:
        """Publish what readers see first, and leave the archive to the scheduler."""
        report = publish_stale()
        republishing.begin()
        report.add(republishing.publish_before_archive())
        if row := StaleSubject.objects.in_background().last():
            report.failed |= failures.parse_reasons([row.error])
            if self.verbosity:
                self.stdout.write(
                    f"The scheduler publishes the other {row.total - row.done} documents again in the background, "
                    "newest first. The newsroom shows the progress; `publish --all` publishes everything at once."
                )
        return report

    def print_report(self, report: Report, seconds: float) -> None:
        number = len(report.written) + len(report.unchanged)
        rate = f" ({number / seconds:.0f} documents/s)" if number else ""
        if self.verbosity:
            self.stdout.write(f"Public store: {report} in {seconds:.1f} s{rate}.")
        if report.failed:
            failures = [f"{path}: {reason}" for path, reason in report.failed.items()]
            more = len(failures) - FAILURES_SHOWN
            raise CommandError("\n".join([*failures[:FAILURES_SHOWN], *([f"and {more} more"] if more > 0 else [])]))

    def check_store(self) -> None:
        with progress_bar() as progress:
            found = list(differences(progress))
        measures.record_check(len(found))
        for line in found:
            self.stdout.write(line)
        if found:
            noun = "difference" if len(found) == 1 else "differences"
            raise CommandError(f"{len(found)} {noun} between database and public store.")


def folder(name: str) -> Path:
    """Parse the target of a copy, which must not be in the public store."""
    path = Path(name)
    if path.exists() and not path.is_dir():
        raise ArgumentTypeError(f"{name} is not a folder")
    if path.resolve().is_relative_to(settings.PUBLIC_ROOT.resolve()):
        raise ArgumentTypeError(f"{name} is in the public store; name a folder elsewhere")
    return path


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a progress bar, on a terminal only."""
    with tqdm(range(0), total=0, unit=" documents", disable=None, leave=False) as bar:
        yield partial(_begin, bar)


def _begin(bar: "tqdm[int]", total: int) -> Callable[[int], object]:
    bar.reset(total)
    return bar.update
