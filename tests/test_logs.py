import logging

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from pytest_django import Settings

from incidents import links
from incidents.links import Purpose
from statuspage.logs import RedactingFormatter


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Gone: /da/subscription/confirm/abc:1~x~y/", "Gone: /da/subscription/confirm/…/"),
        ('"POST /en/subscription/unsubscribe/abc~x~y HTTP/1.1"', '"POST /en/subscription/unsubscribe/… HTTP/1.1"'),
        ("/da/subscription/manage/abc:1~x~y/data.json?x=1", "/da/subscription/manage/…/data.json?x=1"),
        ("Not Found: /da/incidents/abc/", "Not Found: /da/incidents/abc/"),
        ("550 5.7.1 <anna+x@example.dk>: no", "550 5.7.1 <…@example.dk>: no"),
        ("Key (upper(address))=(ANNA@EXAMPLE.DK) is there", "Key (upper(address))=(…@EXAMPLE.DK) is there"),
        ("2 emails @ 5 a second", "2 emails @ 5 a second"),
    ],
)
def test_logs_contain_no_subscription_key_and_no_address(said: str, written: str) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s", (said,), None)
    assert RedactingFormatter().format(record) == written


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("pattern", get_resolver("incidents.subscriptions.urls").url_patterns, ids=str)
def test_no_address_with_a_token_is_logged_with_it(pattern: URLPattern, purpose: Purpose) -> None:
    path = str(pattern.pattern)
    if "<token>" in path:
        token = links.sign(purpose, "k3j9x2m4p7qa")
        record = logging.LogRecord("x", logging.ERROR, "", 0, "/da/%s", (path.replace("<token>", token),), None)
        assert "k3j9x2m4p7qa" not in RedactingFormatter().format(record)


def test_tracebacks_are_redacted_too() -> None:
    try:
        raise ValueError("anna@example.dk")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), (ValueError, error, error.__traceback__))
    assert "ValueError: …@example.dk" in RedactingFormatter().format(record)


@pytest.mark.django_db
def test_refused_request_is_one_line_without_traceback(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client = Client(raise_request_exception=False)
    assert client.get("/readyz", headers={"Host": "evil.example"}).status_code == 400
    (record,) = caplog.records
    assert record.exc_info
    assert "\n" not in RedactingFormatter().format(record)
    assert "Traceback" in logging.Formatter().format(record)
