"""`manage.py load_sample`: fills an empty page with the incidents of a fictional company."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ..sample import AlreadyInUse, load


class Command(BaseCommand):
    help = "Fills an empty page with sample components and incidents in Danish and English. Leaves other pages alone."

    def handle(self, *args: Any, **options: Any) -> None:
        if not {"da", "en"} & set(dict(settings.LANGUAGES)):
            raise CommandError("The sample page is in Danish and English, but LANGUAGES contains neither.")
        try:
            counts = load()
        except AlreadyInUse:
            self.stdout.write("The sample page was not loaded: the page already has content.")
        else:
            loaded = ", ".join(f"{number} {name}" for name, number in counts.items())
            self.stdout.write(self.style.SUCCESS(f"Loaded the sample page: {loaded}."))
