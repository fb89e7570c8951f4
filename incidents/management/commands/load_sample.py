"""`manage.py load_sample`: fills an empty page with a company that does not exist, and its incidents."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ..sample import AlreadyInUse, load


class Command(BaseCommand):
    help = "Fills an empty page with sample components and incidents, in Danish and English. Changes no other page."

    def handle(self, *args: Any, **options: Any) -> None:
        if not {"da", "en"} & set(dict(settings.LANGUAGES)):
            raise CommandError("The sample page is written in Danish and English: LANGUAGES has neither.")
        try:
            counts = load()
        except AlreadyInUse:
            self.stdout.write("The sample page was not loaded: this page has content already.")
        else:
            found = ", ".join(f"{number} {what}" for what, number in counts.items())
            self.stdout.write(self.style.SUCCESS(f"Loaded the sample page: {found}."))
