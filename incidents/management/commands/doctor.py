"""`manage.py doctor`: one look at everything that can be wrong with an installation."""

import json
import logging
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from incidents.doctor.base import Check, CheckResult, many
from incidents.doctor.registry import CHECKS
from incidents.doctor.running import run
from incidents.notifications.deliverability import Verdict

WIDTH = 80
_INDENT = 6 + max(len(check.name) for check in CHECKS) + 1


class Command(BaseCommand):
    help = (
        "Checks settings, servers, processes, the published page, mail, disks, backups and accounts, in a few seconds "
        "and without changing anything. Prints a result for each, and what to do; exits with 1 if a check fails. "
        "docs/doctor.md describes the checks."
    )
    requires_system_checks = []  # it must report what they would refuse

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [check.name for check in CHECKS]
        options = {"action": "append", "choices": names, "metavar": "NAME"}
        parser.add_argument("--only", **options, help="Run only this check; may be repeated.")  # type: ignore[arg-type]
        parser.add_argument("--skip", **options, help="Leave out this check; may be repeated.")  # type: ignore[arg-type]
        parser.add_argument("--strict", action="store_true", help="Exit with 1 for warnings, too.")
        parser.add_argument("--json", action="store_true", help="Print a JSON array of check, state, found and advice.")
        parser.add_argument("--list", action="store_true", help="Print the names of all checks, and run none.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write("\n".join(check.name for check in CHECKS))
            return
        only, skipped = options["only"] or [check.name for check in CHECKS], options["skip"] or []
        with translation.override("en"), quiet_logs():
            results = run([check for check in CHECKS if check.name in only and check.name not in skipped])
        if options["json"]:
            self.stdout.write(json.dumps([as_json(check, result) for check, result in results], indent=2))
        else:
            for check, result in results:
                self.print_result(check, result)
        self.conclude([result.state for _check, result in results], strict=options["strict"])

    def print_result(self, check: Check, result: CheckResult) -> None:
        style = {Verdict.OK: self.style.SUCCESS, Verdict.WARN: self.style.WARNING, Verdict.FAIL: self.style.ERROR}
        head = f"{result.state:6}{check.name}".ljust(_INDENT)
        first, *others = wrapped(result.found, head)
        self.stdout.write(style[result.state](first[:4]) + first[4:])
        for line in others + (wrapped(result.advice, " " * _INDENT + "→ ") if result.advice else []):
            self.stdout.write(line)

    def conclude(self, states: Sequence[Verdict], *, strict: bool) -> None:
        failed, warned = states.count(Verdict.FAIL), states.count(Verdict.WARN)
        if failed or (strict and warned):
            raise CommandError(f"{len(states)} checks: {failed} failed, {many(warned, 'warning')}. See docs/doctor.md.")


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Leave out log lines, such as those of the pool of connections: the results say the same once."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def wrapped(text: str, head: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def as_json(check: Check, result: CheckResult) -> dict[str, str]:
    return {"check": check.name, "state": result.state, "found": result.found, "advice": result.advice}
