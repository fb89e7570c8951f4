"""`manage.py audit`: verifies the chain of the audit log, or exports the log."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from incidents.models import AuditEntry
from incidents.staff import audit

_bar = partial(tqdm, unit=" entries", disable=None, leave=False)


class Command(BaseCommand):
    help = (
        "--verify recomputes the hashes of the audit log and lists each entry that was changed, is missing or is in "
        "another order; it exits with 1 if there are any. --export prints the log as JSON lines, the oldest first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--verify", action="store_true", help="Verify the chain; print its length and newest hash.")
        what.add_argument("--export", action="store_true", help="Print the entries as JSON lines.")
        parser.add_argument(
            "--noted",
            metavar="HASH",
            default="",
            help="With --verify: a hash that --verify printed earlier. Fails if the log no longer contains it.",
        )
        parser.add_argument(
            "--since", type=moment, help="With --export: only entries since this date or time (ISO 8601; default UTC)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verify"]:
            self.verify(options["noted"].strip())
        else:
            self.export(options["since"])

    def verify(self, noted: str) -> None:
        number, newest = audit.newest()
        problems = 0
        for problem in audit.verify(partial(_bar, total=number)):
            problems += 1
            self.stdout.write(str(problem))
        if noted and not AuditEntry.objects.filter(hash=noted).exists():
            problems += 1
            self.stdout.write("No entry has the hash that was noted: the end of the log, or all of it, was replaced.")
        self.stdout.write(f"{number} {'entry' if number == 1 else 'entries'}. Newest hash: {newest or 'none'}")
        if problems:
            raise CommandError(f"The audit log is not intact: {problems} problem{'' if problems == 1 else 's'}.")
        self.stdout.write("The audit log is intact.")

    def export(self, since: datetime | None) -> None:
        entries = AuditEntry.objects.filter(at__gte=since) if since else AuditEntry.objects.all()
        for line in _bar(audit.lines(entries), total=entries.count()):
            self.stdout.write(line, ending="")


def moment(value: str) -> datetime:
    """Read a date or a time of the command line."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{value} is not a date or time such as 2026-11-27 or 2026-11-27T08:00") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)
