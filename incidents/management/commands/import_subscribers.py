"""`manage.py import_subscribers`: imports subscribers from a CSV file."""

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.management.staff import add_by_argument, staff_account
from incidents.operations import (
    ImportedLine,
    ImportResult,
    ImportSource,
    InvalidLine,
    import_subscribers,
    summarise_import,
)
from incidents.subscriptions import tables

_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Imports email subscribers from a CSV file: the output of export_subscribers, Statuspage's export, or its "
        "import template. No email is sent. Invalid lines are reported and skipped; if the command fails, nothing is "
        "imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        add_by_argument(parser)
        parser.add_argument("--dry-run", action="store_true", help="Report the result of each line, but store nothing.")
        parser.add_argument(
            "--consent", default="", help="Where consent was given, for lines without a source: “Statuspage, 2024”."
        )
        parser.add_argument("--report", type=Path, help="Write the result of each line to this CSV file.")

    def handle(self, *args: Any, **options: Any) -> None:
        source = ImportSource(staff_account(options["by"]), options["file"].name, options["consent"])
        results: Counter[ImportResult] = Counter()
        try:
            with ExitStack() as files:
                report = _report(options["report"], files)
                lines = import_subscribers(
                    lines=self.read(options["file"], files),
                    source=source,
                    dry_run=options["dry_run"],
                )
                for line in lines:
                    results[line.result] += 1
                    report(line)
                    self.show(line, results)
        except UnicodeDecodeError as error:
            raise CommandError(f"{options['file']} is not UTF-8. Save it as “CSV UTF-8”.") from error
        except (OSError, csv.Error, InvalidLine) as error:
            raise CommandError(f"{options['file']}: {error}. Nothing was imported.") from error
        done = "Dry run, nothing was stored" if options["dry_run"] else "Done"
        self.stdout.write(f"{done}: {summarise_import(results)}.")

    def read(self, path: Path, files: ExitStack) -> Iterator[tuple[int, list[str]]]:
        """Read the file line by line, with a progress bar on a terminal."""
        source = files.enter_context(path.open(encoding="utf-8-sig", newline=""))
        bar = files.enter_context(tqdm(total=path.stat().st_size, unit="B", unit_scale=True, disable=None, leave=False))
        delimiter = tables.detect_delimiter(source.readline())
        source.seek(0)
        return tables.parse(_counted(source, bar), delimiter)

    def show(self, line: ImportedLine, results: Counter[ImportResult]) -> None:
        """Print the first invalid lines; the report has them all."""
        if line.result is ImportResult.INVALID and results[ImportResult.INVALID] <= _SHOWN:
            self.stdout.write(f"Line {line.number}: {line.reason}")
        if line.result is ImportResult.INVALID and results[ImportResult.INVALID] == _SHOWN + 1:
            self.stdout.write("More lines are invalid; --report FILE lists them all.")


def _counted(source: Iterator[str], bar: "tqdm[Any]") -> Iterator[str]:
    for line in source:
        bar.update(len(line.encode()))
        yield line.replace("\0", "")


def _report(path: Path | None, files: ExitStack) -> Callable[[ImportedLine], object]:
    if path is None:
        return lambda _line: None
    writer = csv.writer(files.enter_context(path.open("w", encoding="utf-8", newline="")))
    writer.writerow(["line", "address", "result", "reason"])
    return lambda line: writer.writerow(line.cells())
