"""`manage.py import_subscribers`: takes subscribers in from a CSV file."""

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.subscriptions import tables
from incidents.subscriptions.importing import ImportResult, Line, Wrong, summary, take_in

_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Takes mail subscribers in from a CSV file: our own export, Statuspage's export, or its import template. "
        "Nobody is written to. Lines that are wrong are reported and stop no other; if the command fails, nothing is "
        "taken in."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="Say what would become of each line; store nothing.")
        parser.add_argument(
            "--consent", default="", help="Where the subscribers agreed, for lines that do not say: “Statuspage, 2024”."
        )
        parser.add_argument("--report", type=Path, help="Write what became of each line to this CSV file.")

    def handle(self, *args: Any, **options: Any) -> None:
        results: Counter[ImportResult] = Counter()
        try:
            with ExitStack() as files:
                report = _report(options["report"], files)
                lines = take_in(
                    self.read(options["file"], files), consent_source=options["consent"], dry_run=options["dry_run"]
                )
                for line in lines:
                    results[line.result] += 1
                    report(line)
                    self.show(line, results)
        except UnicodeDecodeError as error:
            raise CommandError(f"{options['file']} is not UTF-8. Save it as “CSV UTF-8”.") from error
        except (OSError, csv.Error, Wrong) as error:
            raise CommandError(f"{options['file']}: {error}. Nothing was taken in.") from error
        done = "Dry run, nothing is stored" if options["dry_run"] else "Done"
        self.stdout.write(f"{done}: {summary(results)}.")

    def read(self, path: Path, files: ExitStack) -> Iterator[tuple[int, list[str]]]:
        """The lines of the file, one at a time, with a bar that follows its bytes on a terminal."""
        source = files.enter_context(path.open(encoding="utf-8-sig", newline=""))
        bar = files.enter_context(tqdm(total=path.stat().st_size, unit="B", unit_scale=True, disable=None, leave=False))
        sign = tables.delimiter(source.readline())
        source.seek(0)
        return tables.parsed(_counted(source, bar), sign)

    def show(self, line: Line, results: Counter[ImportResult]) -> None:
        """The first lines that are wrong; the report has them all."""
        if line.result is ImportResult.WRONG and results[ImportResult.WRONG] <= _SHOWN:
            self.stdout.write(f"Line {line.number}: {line.why}")
        if line.result is ImportResult.WRONG and results[ImportResult.WRONG] == _SHOWN + 1:
            self.stdout.write("More lines are wrong; --report FILE lists them all.")


def _counted(source: Iterator[str], bar: "tqdm[Any]") -> Iterator[str]:
    for line in source:
        bar.update(len(line.encode()))
        yield line.replace("\0", "")


def _report(path: Path | None, files: ExitStack) -> Callable[[Line], object]:
    if path is None:
        return lambda _line: None
    writer = csv.writer(files.enter_context(path.open("w", encoding="utf-8", newline="")))
    writer.writerow(["line", "address", "result", "why"])
    return lambda line: writer.writerow(line.cells())
