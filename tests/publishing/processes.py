"""Publishers in separate processes that use the database and the public store of the test."""

import os
import subprocess
import sys

from django.conf import settings
from django.db import connection


def environment() -> dict[str, str]:
    database = connection.settings_dict
    host = f"?host={database['HOST']}" if database["HOST"].startswith("/") else ""
    where = "" if host else f"{database['HOST']}:{database['PORT']}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{database['USER']}:{database['PASSWORD']}@{where}/{database['NAME']}{host}",
        "PUBLIC_ROOT": str(settings.PUBLIC_ROOT),
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
    }


def start(module: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start `python -m tests.publishing.<module>`."""
    command = [sys.executable, "-m", f"tests.publishing.{module}", *arguments]
    return subprocess.Popen(
        command,
        env=environment(),
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
