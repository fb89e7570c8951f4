"""The processes of this machine, as Linux lists them."""

import contextlib
import os
from pathlib import Path

import pytest


def of_folder(folder: Path) -> dict[int, str]:
    """Return processes that run in or below a folder, or have it in their command line or environment."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("this system does not list its processes in /proc")
    wanted = os.fsencode(folder)
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if wanted in command + (process / "environ").read_bytes() + os.fsencode((process / "cwd").readlink()):
                found[int(process.name)] = os.fsdecode(command.replace(b"\0", b" ")).strip()
    return found
