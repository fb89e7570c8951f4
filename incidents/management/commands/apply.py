"""`manage.py apply`: makes the page what a file says."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import translation

from incidents.staff import audit
from incidents.staff.actors import Actor, command, person

from ..configuration.comparison import Mark, Plan, compare
from ..configuration.differences import shown
from ..configuration.reading import Faulty, read
from ..configuration.sections import PageFile
from ..staff import staff_account

# As of `diff`.
DIFFERENT, TROUBLE = 1, 2


class Command(BaseCommand):
    help = (
        "Makes the settings of the page, groups, components, templates and alert rules what a TOML file says; "
        "manage.py dump_config prints such a file. First the differences are shown, then, on a terminal, the command "
        "asks. Without a terminal and without --yes it only shows them. Exit codes are those of diff: 0 if the page is "
        "as the file says, or was made so; 1 if there are differences that were not stored; 2 if there is an error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The file; - reads standard input.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--check", action="store_true", help="Store nothing; exit with 1 if there are differences.")
        how.add_argument("--yes", action="store_true", help="Store the differences without asking.")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Remove what the file leaves out, in the sections that it has: hide components, delete groups, "
            "templates, alert rules and texts. Without it, all that is kept and listed.",
        )
        parser.add_argument(
            "--by", metavar="USERNAME", help="The staff account for the audit log. Without it, the command itself."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = person(staff_account(options["by"])) if options["by"] else command("apply")
        with translation.override("en"):  # for the messages of the models
            try:
                self.apply(read(_content(options["file"])), by, options)
            except Faulty as error:
                raise CommandError(f"{error}\nNothing was changed.", returncode=TROUBLE) from error
            except PermissionDenied as error:
                raise CommandError(
                    f"{by.name} may not do all of this. Nothing was changed.", returncode=TROUBLE
                ) from error
            except ValidationError as error:
                raise CommandError("\n".join([*error.messages, "Nothing was changed."]), returncode=TROUBLE) from error

    def apply(self, document: PageFile, by: Actor, options: dict[str, Any]) -> None:
        prune = options["prune"]
        if options["yes"]:
            with transaction.atomic():
                audit.take_turn()
                plan = compare(document, prune=prune)
                self.show(plan)
                plan.run(by)
        else:
            plan = compare(document, prune=prune)
            self.show(plan)
            if not plan.steps:
                return
            self.confirm(options["check"], can_ask=options["file"] != "-" and sys.stdin.isatty())
            _run_as_shown(document, plan, by, prune)
        if plan.steps:
            self.stdout.write(self.style.SUCCESS("Stored."))

    def show(self, plan: Plan) -> None:
        colours = {Mark.ADD: self.style.SUCCESS, Mark.REMOVE: self.style.ERROR, Mark.CHANGE: self.style.WARNING}
        for mark, line in shown(plan):
            self.stdout.write(line, colours.get(Mark(mark)) if mark else None)

    def confirm(self, only_check: bool, *, can_ask: bool) -> None:
        """Return if the person at the terminal agrees. Raises CommandError."""
        if only_check:
            raise CommandError("The page differs from the file.", returncode=DIFFERENT)
        if not can_ask:
            raise CommandError("Nothing was changed. Add --yes to store the differences.", returncode=DIFFERENT)
        if input("Store these changes? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.", returncode=DIFFERENT)


@transaction.atomic
def _run_as_shown(document: PageFile, agreed: Plan, by: Actor, prune: bool) -> None:
    # Raises CommandError if the page was changed while the person read the differences.
    audit.take_turn()
    plan = compare(document, prune=prune)
    if list(shown(plan)) != list(shown(agreed)):
        raise CommandError(
            "The page was changed while you read the differences. Nothing was stored; run the command again.",
            returncode=DIFFERENT,
        )
    plan.run(by)


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=TROUBLE) from error
