"""The systemd units in deploy/, without systemd."""

import shlex
from pathlib import Path

from statuspage.local.paths import ROOT

FOLDER = Path(ROOT, "deploy", "systemd")
SERVICES = ["web", "worker", "webhooks", "scheduler"]


def read(service: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the settings of a unit and of what is common to all; lines of Environment= are joined by line breaks."""
    found: dict[str, str] = {}
    for file in (folder / "statuspage-.service.d" / "common.conf", folder / f"statuspage-{service}.service"):
        for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                joined = f"{found[name]}\n{value}" if name == "Environment" and name in found else value
                found[name] = joined
    return found


def command(service: str, folder: Path = FOLDER) -> list[str]:
    """Return the words of ExecStart, with variables such as `$WEB_THREADS` as they are written."""
    return shlex.split(read(service, folder)["ExecStart"])
