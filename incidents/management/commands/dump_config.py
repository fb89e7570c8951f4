"""`manage.py dump_config`: prints the page as a file that `manage.py apply` reads."""

from typing import Any

from django.core.management.base import BaseCommand

from ..configuration.writing import written


class Command(BaseCommand):
    help = (
        "Prints the settings of the page, groups, components, templates and alert rules as TOML, which manage.py apply "
        "reads. The order is always the same, so the file can be kept under version control."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(written(), ending="")
