"""Purges changed documents from caches in front of the page, by a command of the operator.

Documents expire in any case (headers.py), so a failure is recorded for staff to see
and nothing waits for it.
"""

import logging
import re
import subprocess
from collections.abc import Iterable

from django.conf import settings

from ... import links
from ...models import PURGE, StaleSubject

logger = logging.getLogger(__name__)

_API = re.compile(r"/([^/]+)(/api/v2/.+)")
LIMIT = 5  # seconds for each hundred addresses; the publisher waits for the command


def purge(paths: Iterable[str]) -> None:
    """Run PURGE_COMMAND with one absolute URL per line on its standard input. Call it outside any transaction."""
    urls = _addresses(paths)
    if not settings.PURGE_COMMAND or not urls:
        return
    error = _run(settings.PURGE_COMMAND, urls)
    StaleSubject.objects.filter(subject=PURGE).delete()
    if error:
        logger.error("Not purged: %s: %s", ", ".join(urls), error)
        StaleSubject.objects.create(subject=PURGE, error=error)


def _addresses(paths: Iterable[str]) -> list[str]:
    # Return absolute URLs without duplicates. Added are `/`, which serves one of the home pages, and the addresses of
    # the API with `?lang=`.
    changed = list(dict.fromkeys(paths))
    changed += [f"{match[2]}?lang={match[1]}" for match in map(_API.fullmatch, changed) if match]
    homes = {links.home(code) for code, _name in settings.LANGUAGES}
    return [links.absolute(path) for path in (*(["/"] if homes & set(changed) else []), *changed)]


def _run(command: list[str], urls: list[str]) -> str:
    # Return the error, or "".
    lines, limit = "".join(f"{url}\n" for url in urls), LIMIT * (1 + len(urls) // 100)
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
            command, input=lines, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return f"exit code {done.returncode}: {done.stderr.strip()[-500:]}" if done.returncode else ""
