"""The page as readers get it from SITE_URL, and the clocks."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from .base import CheckResult, fail, ok, one_line, span, warn

TIMEOUT = 4  # seconds
EXPIRES_SOON, EXPIRES_NOW = timedelta(days=21), timedelta(days=7)
SKEW_WARN, SKEW_FAIL = timedelta(seconds=5), timedelta(seconds=60)
_FROM_OUTSIDE = "Open {} from another network; if it works there, this machine just cannot reach its own address."


def certificate_lasts() -> CheckResult:
    url = urlsplit(settings.SITE_URL)
    host, port = url.hostname or "", url.port or 443
    if url.scheme != "https":
        return warn("SITE_URL is not https", "Get a certificate (docs/install.md, step 9) and set SITE_URL to https.")
    try:
        with (
            socket.create_connection((host, port), TIMEOUT) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            ends = str((secure.getpeercert() or {})["notAfter"])
    except ssl.SSLCertVerificationError as error:
        return fail(error.verify_message, "Renew the certificate: `certbot renew`, then reload the proxy.")
    except OSError as error:
        return warn(f"not seen: {one_line(error)}", _FROM_OUTSIDE.format(settings.SITE_URL))
    left = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - timezone.now()
    found = f"valid for {span(left)}"
    if left >= EXPIRES_SOON:
        return ok(found)
    state = fail if left < EXPIRES_NOW else warn
    return state(found, "Look at why it is not renewed: `certbot renew --dry-run`, or the log of Caddy.")


def page_answers() -> CheckResult:
    try:
        status, _headers, text = get("/healthz")
        ready, _headers, missing = get("/readyz")
    except OSError as error:
        advice = f"Look at the proxy and at `systemctl status statuspage-web`. {_FROM_OUTSIDE}"
        return fail(f"not reached: {one_line(error)}", advice.format(settings.SITE_URL))
    _ok, _line, version = text.partition("version ")
    if status != 200 or not version:
        return fail(f"/healthz answers with status {status}", "Look at the proxy and at the log of statuspage-web.")
    if version.strip() != settings.VERSION:
        found = f"version {version.strip()[:20]} answers, this is {settings.VERSION}"
        return fail(found, "Restart all processes: `systemctl restart statuspage.target`.")
    if ready != 200:
        return fail(f"not ready: {missing.strip()[:100]}", "Run `manage.py publish`.")
    return ok(f"version {settings.VERSION} answers, with a home page in each language")


def clocks_agree() -> CheckResult:
    differences = dict[str, timedelta]()
    for name, read in (("database", _database_time), ("SITE_URL", _site_time)):
        if (other := read()) is not None:
            differences[name] = abs(timezone.now() - other)
    if not differences:
        return warn("neither the database nor SITE_URL tells the time", "Look at the other checks first.")
    name, largest = max(differences.items(), key=lambda item: item[1])
    if largest <= SKEW_WARN:
        return ok(f"same time: {', '.join(differences)}")
    state = fail if largest > SKEW_FAIL else warn
    return state(f"{span(largest)} from the clock of {name}", "Synchronize the clocks: `timedatectl set-ntp true`.")


def get(path: str) -> tuple[int, Mapping[str, str], str]:
    """Return status, headers and the beginning of the text. Raises OSError."""
    try:
        answer = urllib.request.urlopen(settings.SITE_URL + path, timeout=TIMEOUT)  # noqa: S310 - http or https
    except urllib.error.HTTPError as error:
        answer = error
    except HTTPException as error:
        raise OSError(f"not HTTP: {one_line(error)}") from error
    with answer:
        return answer.status or 0, answer.headers, answer.read(1000).decode(errors="replace")


def _database_time() -> datetime | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
    except DatabaseError:
        return None
    return moment


def _site_time() -> datetime | None:
    try:
        _status, headers, _text = get("/healthz")
        return parsedate_to_datetime(headers["Date"])
    except (OSError, ValueError, TypeError):
        return None
