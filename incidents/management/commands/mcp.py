"""`manage.py mcp`: serves one agent on standard input and output."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from incidents.api.problems import RequestRefused
from incidents.mcp import stdio


class Command(BaseCommand):
    help = (
        "Serves an agent on standard input and output with the Model Context Protocol, until the input ends. The agent "
        f"acts with the API token in the environment variable {stdio.VARIABLE} (docs/agents.md)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with override("en"):  # as all commands
            try:
                stdio.who_acts()
            except RequestRefused as refused:
                raise CommandError(" ".join([f"{stdio.VARIABLE}:", *refused.reasons])) from None
            stdio.serve()
