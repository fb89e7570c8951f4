"""NUL, invalid UTF-8, lone surrogates and other odd bytes, at every dynamic address, in every part of a request."""

import re
from collections.abc import Iterator
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

from statuspage import probes
from tests.public_site.sites import published, site

pytestmark = pytest.mark.django_db

ODD = (
    "%00", "a%00b", "%FF%FE", "%ED%A0%80", "%C0%AF", "%F4%90%80%80", "%0A", "%7F", "%E2%80%AE", "%25", "9" * 400,
)  # fmt: skip
FIELDS = (
    "q",
    "email",
    "address",
    "url",
    "next",
    "language",
    "page",
    "p",
    "o",
    "_popup",
    "_to_field",
    "username",
    "password",
)
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
        root = published(folder / "public", {}).root
        self._application, self._cookies = site(root, load=get_wsgi_application, languages=["da", "en"]), cookies

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


@pytest.fixture
def page(
    tmp_path: Path, public_store: Path, settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The application, with the cookies of a member of staff who may do everything."""
    public_store.mkdir()
    monkeypatch.setattr(probes, "readiness", probes.Readiness())
    settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = False
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    for signal in (request_started, request_finished):  # the connection belongs to the test's transaction
        signal.disconnect(close_old_connections)
    client.force_login(get_user_model().objects.create_superuser("karen"))
    token = "a" * 32
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    yield Site(tmp_path, f"csrftoken={token}; {settings.SESSION_COOKIE_NAME}={session}")
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def form(value: str) -> str:
    return "&".join(["csrfmiddlewaretoken=" + "a" * 32, *(f"{field}={value}" for field in FIELDS)])


@pytest.mark.parametrize("address", ADDRESSES)
def test_odd_bytes_are_refused_without_a_traceback(page: Site, address: str, caplog: pytest.LogCaptureFixture) -> None:
    failed: list[tuple[object, ...]] = []
    for value in ODD:
        path = address.replace("{}", value)
        raw = unquote_to_bytes(value).decode("latin-1")
        requests: list[dict[str, str]] = [
            {"query": form(value)},
            {"method": "POST", "body": form(value), "cookie": f"django_language={value}; messages={raw}", "query": raw},
        ]
        for request in requests:
            caplog.clear()
            status = page.ask(path, **request)
            if status >= 500 or any(record.exc_info and record.levelname == "ERROR" for record in caplog.records):
                failed.append(
                    (status, path, request, [record.exc_text or record.exc_info for record in caplog.records])
                )
            if "{}" in address and "method" not in request and status not in {301, 302, 400, 404, 405, 410}:
                failed.append((status, path))
    assert failed == []


def test_all_dynamic_addresses_are_tried() -> None:
    assert {"/readyz", "/metrics", "/i18n/setlang/", "/admin/login/"} <= set(ADDRESSES)
    assert any("subscription/manage/{}" in one for one in ADDRESSES)
    assert len(ADDRESSES) > 40


def test_log_in_with_a_foreign_next_leads_to_the_newsroom(client: Client) -> None:
    get_user_model().objects.create_superuser("karen", password="a-long-pass-phrase")
    for foreign in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        client.logout()
        form = {"username": "karen", "password": "a-long-pass-phrase", "next": foreign}
        assert client.post("/admin/login/", form)["Location"] == "/admin/"
