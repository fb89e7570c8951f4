"""`manage.py receive_bounce`: reads a report from a mail server on standard input; the server pipes it here."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from incidents.notifications import bounces

MOST = 10 * 1024 * 1024  # bytes; the report stands at the beginning


class Command(BaseCommand):
    help = (
        "Reads on standard input a mail that came to BOUNCE_ADDRESS and notes which letter came back; an address that "
        "does not exist is suspended. Exits as sysexits.h has it: 0 done (or nothing to do), 67 no address that we "
        "signed, 75 try again later."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "address",
            nargs="?",
            default="",
            help="Where the mail came to, bounces+TOKEN@…. Without it: ORIGINAL_RECIPIENT or RECIPIENT from the "
            "environment, then the mail's own headers.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["address"] or os.environ.get("ORIGINAL_RECIPIENT") or os.environ.get("RECIPIENT") or ""
        try:
            bounce = bounces.receive(sys.stdin.buffer.read(MOST), given)
        except bounces.UnknownAddress as error:
            self.stderr.write(str(error))
            sys.exit(os.EX_NOUSER)
        except DatabaseError:
            self.stderr.write("The database does not answer; try again later.")
            sys.exit(os.EX_TEMPFAIL)
        if options["verbosity"] > 1:
            self.stdout.write(bounce.consequence if bounce else "Nothing follows from this mail.")
