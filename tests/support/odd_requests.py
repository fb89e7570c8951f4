"""The whole web application, asked with NUL, invalid UTF-8, lone surrogates and other odd bytes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from statuspage.logs import RedactingFormatter
from tests.public_site.sites import published, site

# In a query or a form, all invalid UTF-8 becomes the same character, so one value is enough there.
ODD = ("a%00b", "%FF%FE", "%0A", "%7F", "%E2%80%AE", "%25", "9" * 400)
ODD_IN_PATHS = (*ODD, "%00", "%ED%A0%80", "%C0%AF", "%F4%90%80%80")
FIELDS = (
    "q", "email", "address", "url", "next", "language", "page", "p", "o", "_popup", "_to_field", "username", "password",
)  # fmt: skip

_ARGUMENT = re.compile(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)|<[^>]+>|\.\*|\((?!\?P<)[^()]*\)")


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """Yield the path of each pattern, with {} for its arguments."""
    for pattern in resolver.url_patterns:
        text = str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        path = prefix + _ARGUMENT.sub("{}", text)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, path)
        else:
            assert isinstance(pattern, URLPattern)
            yield path


ADDRESSES = sorted(set(addresses(get_resolver("statuspage.urls"))))


class Site:
    """The whole web application. `ask` returns the status and fails on a traceback."""

    def __init__(self, folder: Path, cookies: str) -> None:
        root = published(folder / "public", dict.fromkeys(["/da/", "/en/"], "Status")).root
        self._application, self._cookies = site(root, get_wsgi_application(), languages=["da", "en"]), cookies

    def ask(self, path: str, *, method: str = "GET", query: str = "", body: str = "", cookie: str = "") -> int:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": f"{self._cookies}; {cookie}",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body.encode("latin-1")),
            "wsgi.errors": BytesIO(),
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
        }
        statuses: list[str] = []
        response = self._application(environ, lambda status, _headers, _error=None: statuses.append(status))  # type: ignore[arg-type]
        b"".join(response)
        if hasattr(response, "close"):
            response.close()
        return int(statuses[0][:3])


@contextmanager
def asked_by_staff(folder: Path, settings: Settings, client: Client) -> Iterator[Site]:
    """Yield the application, with the cookies of a member of staff who may do everything."""
    Path(settings.PUBLIC_ROOT).mkdir()
    settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = False
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    for signal in (request_started, request_finished):  # the connection belongs to the test's transaction
        signal.disconnect(close_old_connections)
    client.force_login(get_user_model().objects.create_superuser("karen"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    yield Site(folder, f"csrftoken={'a' * 32}; {settings.SESSION_COOKIE_NAME}={session}")
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def form(value: str) -> str:
    return "&".join(["csrfmiddlewaretoken=" + "a" * 32, *(f"{field}={value}" for field in FIELDS)])


def failures(page: Site, address: str, caplog: pytest.LogCaptureFixture) -> list[tuple[object, ...]]:
    """Return the requests to this address that are answered with an error of the server, or log a traceback."""
    failed: list[tuple[object, ...]] = []
    for value in ODD_IN_PATHS if "{}" in address else ODD:
        path = address.replace("{}", value)
        raw = unquote_to_bytes(value).decode("latin-1")
        requests: list[dict[str, str]] = [
            {"query": form(value)},
            {"method": "POST", "body": form(value), "cookie": f"django_language={value}; messages={raw}", "query": raw},
        ]
        for request in requests:
            caplog.clear()
            status = page.ask(path, **request)
            lines = map(RedactingFormatter().format, caplog.records)
            errors = [line for line in lines if "Traceback" in line]
            is_found = "{}" in address and "method" not in request and status not in {301, 302, 400, 401, 404, 405, 410}
            if status >= 500 or errors or is_found:
                failed.append((status, path, request, errors))
    return failed
