"""`manage.py clock`: the former name of `scheduler`, kept for one release."""

from typing import Any

from .scheduler import Command as Scheduler


class Command(Scheduler):
    help = "Former name of the command `scheduler`; it will be removed in the next release."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write(self.style.WARNING("`clock` is now called `scheduler`; the old name will be removed."))
        super().handle(*args, **options)
