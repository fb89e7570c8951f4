"""`manage.py log_in_link NAME`: a way into the newsroom while single sign-on does not work."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from incidents.sign_in import log_in_links
from incidents.staff.actors import command


class Command(BaseCommand):
    help = (
        "Prints a link that logs in to an account once, within 15 minutes, without its password: for a failure of "
        "single sign-on, or the first log-in of an installation without passwords. A second factor is still asked for; "
        "`manage.py second_factor --reset NAME` resets it. An earlier link of the account becomes void."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="The log-in name of an active staff account.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"], is_active=True, is_staff=True).first()
        if user is None:
            raise CommandError(f"No active staff account has the name “{options['name']}”.")
        token = log_in_links.make_log_in_link(by=command("log_in_link"), user=user, now=timezone.now())
        self.stdout.write(f"{settings.SITE_URL}{reverse('admin:log_in_link')}?token={token}")
