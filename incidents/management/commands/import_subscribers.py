"""`manage.py import_subscribers`: imports subscribers from a CSV file."""

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
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
from incidents.subscriptions.component_names import ComponentNames, InvalidMapping

_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Imports email subscribers from a CSV file: the output of export_subscribers, Statuspage's export, or its "
        "import template. No email is sent. Invalid lines are reported and skipped; if the command fails, nothing is "
        "imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The file to read.")
        add_by_argument(parser)
        parser.add_argument("--dry-run", action="store_true", help="Report the result of each line, but store nothing.")
        parser.add_argument(
            "--consent", default="", help="Where consent was given, for lines without a source: “Statuspage, 2024”."
        )
        parser.add_argument("--report", type=Path, help="Write the result of each line to this CSV file.")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="OLD=NEW",
            help="Read OLD in the column of components as the component NEW (its slug, id or name). Repeatable.",
        )
        parser.add_argument(
            "--unknown-components",
            choices=["refuse", "all"],
            default="refuse",
            help=(
                "What to do with lines that name an unknown component: “refuse” skips them (default); “all” imports "
                "them for the components that are known, or for all components if none is."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = ImportSource(staff_account(options["by"]), options["file"].name, options["consent"])
        components = _components(options["map"])
        results: Counter[ImportResult] = Counter()
        unknown: Counter[str] = Counter()
        try:
            with ExitStack() as files:
                report = _report(options["report"], files)
                lines = import_subscribers(
                    lines=self.read(options["file"], files),
                    source=source,
                    components=components,
                    refuse_unknown=options["unknown_components"] == "refuse",
                    dry_run=options["dry_run"],
                )
                for line in lines:
                    results[line.result] += 1
                    unknown.update(line.unknown)
                    report(line)
                    self.show(line, results)
        except UnicodeDecodeError as error:
            raise CommandError(f"{options['file']} is not UTF-8. Save it as “CSV UTF-8”.") from error
        except (OSError, csv.Error, InvalidLine) as error:
            raise CommandError(f"{options['file']}: {error}. Nothing was imported.") from error
        self.show_unknown(unknown)
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

    def show_unknown(self, unknown: Counter[str]) -> None:
        """Print the most frequent unknown components, and how to map them."""
        for text, number in unknown.most_common(_SHOWN):
            lines = "1 line" if number == 1 else f"{number} lines"
            self.stdout.write(f"Unknown component “{text}”: {lines}; map it with --map {quote(text)}=…")
        if len(unknown) > _SHOWN:
            self.stdout.write(f"{len(unknown) - _SHOWN} more components are unknown; --report FILE lists all lines.")


def _components(mappings: list[str]) -> ComponentNames:
    components = ComponentNames()
    for mapping in mappings:
        try:
            components.add_mapping(mapping)
        except InvalidMapping as error:
            raise CommandError(f"--map {mapping}: {error}. Nothing was imported.") from error
    return components


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
