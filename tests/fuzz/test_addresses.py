"""No request to a public address makes the product fail, log an exception, or answer with broken headers."""

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, transaction
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from incidents import links
from incidents.links import Purpose
from incidents.models import Delivery
from incidents.public_site.app import PublicSite
from incidents.publishing.store.public_store import PublicStore
from incidents.subscriptions import form_stamps
from statuspage.logs import RedactingFormatter
from tests.factories import make_incident, make_page, make_subscriber
from tests.public_site.sites import DOCUMENTS, PUBLISHED_AT

from .campaign import fuzz
from .requests import FORM, send, written

pytestmark = pytest.mark.django_db

NUMBER = 300
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
_FIELD = re.compile(r'<(?:input|select|textarea)[^>]* name="([^"]+)"')
_PARAMETER = r"<(?:\w+:)?(\w+)>"
_HEADERS = {
    "Host": "status.example.dk",
    "Accept-Language": "da-DK,da;q=0.9,en;q=0.8",
    "Accept-Encoding": "gzip, br",
    "Cookie": "csrftoken=0123456789abcdef0123456789abcdef; sessionid=x; django_language=da",
    "If-None-Match": '"0123456789abcdef0123456789abcdef"',
    "If-Modified-Since": "Wed, 11 Oct 2023 17:00:00 GMT",
    "Range": "bytes=0-99",
    "X-Forwarded-For": "203.0.113.5:4711, 127.0.0.1",
    "X-Forwarded-Proto": "https",
    "Forwarded": 'for="[2001:db8::1]:80";proto=https',
    "Origin": "https://status.example.dk",
    "Sec-Fetch-Site": "same-origin",
    "Authorization": "Bearer 0123456789abcdef",
    "Referer": "https://status.example.dk/da/",
}
_WORDS = (
    *(f"{name}: ".encode() for name in _HEADERS),
    b"\r\n",
    b" HTTP/1.1",
    b"multipart/form-data; boundary=b",
    b"--b\r\n",
)


def _values() -> dict[str, list[str]]:
    """Return values of the parameters in addresses: every kind of token, for an email subscriber and for a webhook.

    They are the same in every run, so that requests in the corpus stay what they were.
    """
    incident = make_incident()
    reader = make_subscriber(id="reader000000")
    hook = make_subscriber("https://hooks.example.com/1", id="webhook00000", channel="webhook", owner="a@example.dk")
    values = [f"{reader.pk}:{reader.opt_in_round}", f"{hook.pk}:{hook.opt_in_round}"]
    tokens = [links.sign(purpose, value) for purpose in Purpose for value in values]
    tokens += [links.sign(Purpose.UNSUBSCRIBE, f"{reader.pk}:{incident.pk}"), links.sign_bounce(17)]
    return {"incident": [incident.pk], "token": tokens, "url": ["incidents/incident/"]}


def _paths(values: dict[str, list[str]]) -> Iterator[str]:
    # Yield an address of every URL pattern, for each value of its first parameter.
    for route in _routes(get_resolver().url_patterns):
        first, *others = re.findall(_PARAMETER, route) or [""]
        for value in values.get(first, ["1"]):
            chosen = {first: value} | {name: values.get(name, ["1"])[0] for name in others}
            yield "/" + re.sub(_PARAMETER, lambda found, chosen=chosen: chosen[found[1]], route)  # type: ignore[misc]


def _routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for one in patterns:
        route = before + str(one.pattern).lstrip("^").rstrip("$")
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, route)
        elif "(?P" not in route:
            yield route


@pytest.fixture
def _connection_stays_open() -> Iterator[None]:
    """At the begin and end of a request, Django closes connections; this one is in the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def application(_connection_stays_open: None, settings: Settings, tmp_path: Path) -> PublicSite:
    settings.METRICS_TOKEN = "0123456789abcdef"
    settings.PUBLIC_ROOT = tmp_path / "public"
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    make_page()
    get_user_model().objects.create_user("anna", "anna@example.dk", "secret-of-anna")
    store = PublicStore(tmp_path / "public")
    for path, text in DOCUMENTS.items():
        store.write(path, text.encode(), PUBLISHED_AT)
    return PublicSite(
        WSGIHandler(), public_root=tmp_path / "public", static_root=tmp_path / "static",
        languages=["da", "en"], default_language="da", https=True,
    )  # fmt: skip


def _seeds(application: PublicSite, paths: list[str]) -> Iterator[bytes]:
    # GET and POST of each address; the form of each page is sent as a browser would.
    with time_machine.travel(NOW - timedelta(minutes=1), tick=False):
        stamp = form_stamps.new()
    for path in [*paths, *DOCUMENTS, "/healthz", "/no/such/page", "/da/search/?q=mail&page=2", "/metrics"]:
        yield written("GET", path, _HEADERS)
        page = send(application, written("GET", path)).body.decode("utf-8", "replace")
        fields = dict.fromkeys(_FIELD.findall(page), "on") | {"address": "anna@example.dk", "language": "da"}
        fields |= {
            "stamp": stamp,
            "next": "/da/",
            "username": "anna",
            "password": "wrong",
            "url": "https://a.example/1",
        }
        yield written("POST", path, {**_HEADERS, "Content-Type": FORM}, urlencode(fields).encode())
        yield from _other_bodies(path, fields)


def _other_bodies(path: str, fields: dict[str, str]) -> Iterator[bytes]:
    # The same form, in other formats of bodies.
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields
    )
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="../a.csv"\r\n\r\na;b\r\n'
    multipart = {**_HEADERS, "Content-Type": "multipart/form-data; boundary=b"}
    yield written("POST", path, multipart, f"{parts}{file}--b--\r\n".encode())
    yield written("POST", path, {**_HEADERS, "Content-Type": "application/json"}, json.dumps(fields).encode())


def test_no_request_makes_the_product_fail(
    application: PublicSite, caplog: pytest.LogCaptureFixture, raised: list[str]
) -> None:
    caplog.set_level(logging.ERROR)
    with time_machine.travel(NOW, tick=False):
        seeds = list(_seeds(application, list(_paths(_values()))))
        fuzz(
            "request",
            _sender(application, caplog, raised),
            seeds=seeds,
            words=_WORDS,
            number=NUMBER,
            longest=30_000,
            is_traced=False,
        )
    assert Delivery.objects.count() == 0


@pytest.fixture
def raised() -> Iterator[list[str]]:
    """The tracebacks of what Django caught; it logs none if the page for another error raises."""
    found: list[str] = []

    def note(**_values: object) -> None:
        found.append(traceback.format_exc())

    got_request_exception.connect(note)
    yield found
    got_request_exception.disconnect(note)


def _sender(application: PublicSite, caplog: pytest.LogCaptureFixture, raised: list[str]) -> Callable[[bytes], object]:
    def call(request: bytes) -> None:
        caplog.clear()
        raised.clear()
        with transaction.atomic():
            answer = send(application, request)
            transaction.set_rollback(True)
        assert 200 <= answer.status < 500, (answer.status, raised)
        lines = [RedactingFormatter().format(record) for record in caplog.records]
        assert not [line for line in lines if "Traceback" in line]
        for name, value in answer.headers:
            assert re.fullmatch(r"[\w-]+", name)
            assert re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value), name

    return call
