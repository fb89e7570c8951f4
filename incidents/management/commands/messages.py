"""`manage.py messages`: collects, compiles and checks the translations."""

from pathlib import Path
from typing import Any

from babel.messages import Catalog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import to_locale

from incidents.management import catalogues

SOURCES = ["incidents", "statuspage", "templates"]


def _chosen() -> list[str]:
    # The folders of the languages in LANGUAGES; English is the source.
    return [to_locale(code) for code, _name in settings.LANGUAGES if code != "en"]


class Command(BaseCommand):
    help = (
        "Collects the translatable strings in incidents/locale and compiles the catalogues. A language that is new in "
        "LANGUAGES gets a catalogue."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Write nothing; fail if a translation is missing or wrong."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.LOCALE_PATHS[0])
        source = catalogues.extract(Path(settings.BASE_DIR), SOURCES)
        languages = sorted({"da", *_chosen(), *(path.name for path in folder.glob("*") if path.is_dir())})
        if options["check"]:
            self.check_catalogues(source, folder, languages)
            return
        for language in languages:
            self.update(source, catalogues.catalogue_path(folder, language), language)

    def update(self, source: Catalog, path: Path, language: str) -> None:
        written = catalogues.read(path, language)
        catalogues.update(written, source)
        catalogues.write(written, path)
        written = catalogues.read(path, language)
        faults = list(catalogues.faults(source, written, path))
        self.stdout.write(f"{language}: {len(written)} strings, {len(faults)} problems in {path.name}")
        for fault in faults:
            self.stdout.write(f"  {fault}")

    def check_catalogues(self, source: Catalog, folder: Path, languages: list[str]) -> None:
        found = [
            f"{language}: {fault}"
            for language in languages
            for path in [catalogues.catalogue_path(folder, language)]
            for fault in catalogues.faults(source, catalogues.read(path, language), path)
        ]
        if found:
            raise CommandError("\n".join(found))
