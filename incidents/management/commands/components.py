"""`manage.py components`: compares the stored statuses of components with what incidents claim, or rebuilds them."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tqdm import tqdm

from incidents.claims import Change, status_after
from incidents.models import Component
from incidents.operations import derived_changes, rebuild_statuses, stored_changes


class Command(BaseCommand):
    help = (
        "The statuses of components over time are derived from incidents and from statuses set by hand, and stored. "
        "--check derives them again and lists what is stored differently; --rebuild stores what was derived. There "
        "are never differences unless rows were changed outside the product."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--check", action="store_true", help="Write nothing; list the differences and exit with 1 if there are any."
        )
        what.add_argument("--rebuild", action="store_true", help="Store the derived statuses and publish the changes.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            self.rebuild()
        else:
            self.check_all()

    def rebuild(self) -> None:
        changed = [
            component for key in _components() for component in rebuild_statuses(components=[key], announce=False)
        ]
        for component in changed:
            self.stdout.write(f"{component.slug}: rebuilt")
        verb = "was" if len(changed) == 1 else "were"
        self.stdout.write(f"{len(changed)} of {_counted(Component.objects.count())} {verb} stored differently.")

    def check_all(self) -> None:
        lines = [line for key in _components() for line in differences(key)]
        for line in lines:
            self.stdout.write(line)
        if lines:
            raise CommandError("Stored statuses differ. Run `manage.py components --rebuild`.")
        self.stdout.write(f"{_counted(Component.objects.count())}: no differences.")


def _counted(number: int) -> str:
    return f"{number} component{'' if number == 1 else 's'}"


def _components() -> Iterator[str]:
    # Component ids, with a progress bar on a terminal.
    keys = list(Component.objects.order_by("slug").values_list("pk", flat=True))
    yield from tqdm(keys, unit=" components", disable=None, leave=False)


def differences(key: str) -> Iterator[str]:
    """Yield a line for each change of the component that is stored and not derived (-), or derived and not stored (+).

    The current status of the component is compared, too.
    """
    with transaction.atomic():
        component = Component.objects.select_for_update(no_key=True).get(pk=key)  # verbs wait until it is read
        wanted, stored = derived_changes([key])[key], stored_changes([key])[key]
    both = set(wanted) & set(stored)
    for mark, change in sorted(
        [*(("-", one) for one in stored if one not in both), *(("+", one) for one in wanted if one not in both)],
        key=lambda entry: (entry[1].at, entry[0]),
    ):
        yield f"{component.slug}: {mark} {_described(change)}"
    if component.status != status_after(wanted):
        yield f"{component.slug}: is {component.status}, should be {status_after(wanted)}"


def _described(change: Change) -> str:
    causes = f" because of {', '.join(change.causes)}" if change.causes else ""
    return f"{change.at.isoformat()} {change.status}{causes}"
