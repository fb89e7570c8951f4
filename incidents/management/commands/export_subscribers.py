"""`manage.py export_subscribers`: exports subscribers as CSV."""

import sys
from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.management.staff import add_by_argument, staff_account
from incidents.subscriptions import tables, transfers


class Command(BaseCommand):
    help = "Exports all email subscribers as CSV, except those erased. import_subscribers can read the file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="The file to write. Default: standard output.")
        add_by_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path, by = options["file"], staff_account(options["by"])
        with _opened(path) as file:
            total = tables.exportable().count()
            transfers.record_export(by=by, number=total, file=path.name if path else "standard output")
            for line in tqdm(tables.lines(), total=total + 1, unit=" lines", disable=None, leave=False):
                file.write(line)


def _opened(path: Path | None) -> AbstractContextManager[TextIO]:
    # Open the file. Only its owner may read it, because it contains personal data.
    if path is None:
        return nullcontext(sys.stdout)
    try:
        path.touch(mode=0o600)
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(str(error)) from error
