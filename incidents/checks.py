"""System checks of what settings alone cannot refuse; `manage.py check --deploy` runs them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core import checks

_OPEN_QUEUE = checks.Warning(
    "REDIS_URL has no password and is not a Unix socket: anybody who can connect to the queue can delete its jobs "
    "and stop the workers.",
    hint="Set a password in Valkey and write redis://:password@host:6379/0, or unix:///run/valkey/socket?db=0. "
    "See “The queue” in docs/settings.md.",
    id="incidents.W001",
)


def check_queue(**_options: Any) -> list[checks.CheckMessage]:
    """Warn if the address of the queue names neither a password nor a socket, which has the rights of a file."""
    urls = {str(queue["URL"]) for queue in settings.RQ_QUEUES.values()}
    return [] if all(map(_is_protected, urls)) else [_OPEN_QUEUE]


def _is_protected(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme == "unix" or bool(url.password or parse_qs(url.query).get("password"))
