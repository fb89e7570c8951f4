"""`manage.py receive_bounce`: the mail server pipes bounces to this command."""

import logging
import os
import sys
from argparse import ArgumentParser
from typing import IO, Any

from django.core.management.base import BaseCommand
from django.db import Error

from incidents.operations import MAX_EMAIL_BYTES, UnknownBounceAddress, receive_bounce

logger = logging.getLogger(__name__)

# The rest is read too, so that the mail server does not see a broken pipe; but not without end.
_MAX_DISCARDED = 64 * MAX_EMAIL_BYTES


class Command(BaseCommand):
    help = (
        "Reads an email to BOUNCE_ADDRESS from standard input and records the bounce; suspends subscribers whose "
        "address does not exist, and keeps for staff what it does not understand. Exit codes as in sysexits.h: "
        "0 success (or nothing to do), 67 not an address that we signed, 75 try again later."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "address",
            nargs="?",
            default="",
            help="The recipient, bounces+TOKEN@…. Default: ORIGINAL_RECIPIENT or RECIPIENT from the environment, "
            "then the headers of the email.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["address"] or os.environ.get("ORIGINAL_RECIPIENT") or os.environ.get("RECIPIENT") or ""
        try:
            bounce = receive_bounce(raw=_read(sys.stdin.buffer), address=address)
        except UnknownBounceAddress as error:
            self.stderr.write(str(error))
            sys.exit(os.EX_NOUSER)
        except Error:
            self.stderr.write("The database does not answer; try again later.")
            sys.exit(os.EX_TEMPFAIL)
        except Exception:
            # With any other code, the mail server would return the email to its sender, with our traceback.
            logger.exception("A bounce cannot be processed")
            self.stderr.write("The email cannot be processed at the moment; try again later.")
            sys.exit(os.EX_TEMPFAIL)
        if options["verbosity"] > 1:
            self.stdout.write(bounce.consequence if bounce else "Nothing to do.")


def _read(stream: IO[bytes]) -> bytes:
    # Return the beginning of the email.
    raw = stream.read(MAX_EMAIL_BYTES)
    discarded = 0
    while discarded < _MAX_DISCARDED and (more := stream.read(MAX_EMAIL_BYTES)):
        discarded += len(more)
    return raw
