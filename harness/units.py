"""The systemd units in deploy/, without systemd."""

import shlex
from configparser import RawConfigParser
from pathlib import Path

from statuspage.local.paths import ROOT

FOLDER = Path(ROOT, "deploy", "systemd")
SERVICES = ["web", "worker", "webhooks", "scheduler"]


def read(service: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the settings of a service's section [Service]; of those that occur several times, the last."""
    found: dict[str, str] = {}
    for file in (folder / f"statuspage-{service}.service", folder / "statuspage-.service.d" / "common.conf"):
        parser = RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
        parser.optionxform = str  # type: ignore[method-assign, assignment]
        parser.read_string(file.read_text(encoding="utf-8").replace("\\\n", " "))
        found = dict(parser["Service"]) | found
    return found


def command(service: str, folder: Path = FOLDER) -> list[str]:
    """Return the words of ExecStart, with variables such as `$WEB_THREADS` as they are written."""
    return shlex.split(read(service, folder)["ExecStart"])
