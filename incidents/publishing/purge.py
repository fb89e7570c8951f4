"""Tells the caches in front of the page what has changed: an operator's command gets the addresses.

What it cannot purge goes stale by itself (headers.py), so a failure is noted for staff
to see and nothing waits for it.
"""

import logging
import subprocess
from collections.abc import Iterable

from django.conf import settings

from .. import links
from ..models import StaleSubject

logger = logging.getLogger(__name__)

SUBJECT = "purge"
LIMIT = 5  # seconds; whoever published waits for it


def purge(paths: Iterable[str]) -> None:
    """Runs PURGE_COMMAND with one absolute URL per line on its standard input. Call it outside any transaction."""
    urls = [links.absolute(path) for path in paths]
    if not settings.PURGE_COMMAND or not urls:
        return
    error = _run(settings.PURGE_COMMAND, "".join(f"{url}\n" for url in urls))
    StaleSubject.objects.filter(subject=SUBJECT).delete()
    if error:
        logger.error("Not purged: %s: %s", ", ".join(urls), error)
        StaleSubject.objects.create(subject=SUBJECT, error=error)


def _run(command: list[str], urls: str) -> str:
    """What went wrong, or ""."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
            command, input=urls, capture_output=True, text=True, errors="replace", timeout=LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return f"exit code {done.returncode}: {done.stderr.strip()[-500:]}" if done.returncode else ""
