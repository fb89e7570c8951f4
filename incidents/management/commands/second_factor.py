"""`manage.py second_factor --reset NAME`: for staff who lost their phone and their recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from incidents.sign_in import factors
from incidents.staff.actors import command


class Command(BaseCommand):
    help = "Resets the second factor of an account, with its recovery codes, remembered devices and sessions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", metavar="NAME", required=True, help="The name that the person logs in with.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["reset"]
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no account “{name}”.")
        if not factors.reset(by=command("second_factor"), user=user):
            raise CommandError(f"The account “{name}” has no second factor.")
        self.stdout.write(f"The second factor of “{name}” is reset.")
