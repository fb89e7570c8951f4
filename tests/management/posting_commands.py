"""Calls `manage.py incident` and `manage.py maintenance` as a person would."""

import io
import json
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command


class Terminal:
    """Runs one of the commands; `said` and `warned` are what the last call printed."""

    def __init__(self, command: str, patch: pytest.MonkeyPatch) -> None:
        self.command = command
        self.patch = patch
        self.said = ""
        self.warned = ""

    def run(self, *arguments: str, typed: str | None = None) -> str:
        output, errors = StringIO(), StringIO()
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((typed or "").encode())))
        try:
            call_command(self.command, *arguments, stdout=output, stderr=errors)
        finally:
            self.said, self.warned = output.getvalue(), errors.getvalue()
        return self.said

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def refusal(self, *arguments: str, typed: str | None = None) -> tuple[int, str]:
        """Return the exit code and the message of a call that is refused."""
        with pytest.raises(CommandError) as caught:
            self.run(*arguments, typed=typed)
        return caught.value.returncode, str(caught.value)
