from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from statuspage.middleware import SecurityHeaders


def answered(path: str, **headers: str) -> HttpResponse:
    view: Callable[..., HttpResponse] = lambda _request: HttpResponse(headers=headers)  # noqa: E731
    response = SecurityHeaders(view)(RequestFactory().get(path))
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize("path", ["/da/subscribe/", "/admin/", "/api/v1/incidents", "/readyz"])
def test_every_dynamic_response_has_the_security_headers_and_is_not_stored(path: str) -> None:
    headers = answered(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "object-src 'none'; frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_page_with_a_key_in_its_address_sends_no_referrer_and_is_not_indexed() -> None:
    headers = answered("/da/subscription/manage/a-token/").headers
    assert (headers["Referrer-Policy"], headers["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "X-Robots-Tag" not in answered("/da/subscribe/").headers


def test_admin_may_show_django_s_icons() -> None:
    assert "img-src 'self' data:" in answered("/admin/").headers["Content-Security-Policy"]
    assert "data:" not in answered("/administrator").headers["Content-Security-Policy"]


def test_view_can_override_the_headers() -> None:
    headers = answered("/da/subscribe/", **{"Cache-Control": "max-age=5", "Referrer-Policy": "same-origin"}).headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("max-age=5", "same-origin")


def test_strict_transport_security_is_sent_with_https_only(settings: Settings) -> None:
    settings.HTTPS = False
    assert "Strict-Transport-Security" not in answered("/admin/").headers
    settings.HTTPS = True
    assert answered("/admin/").headers["Strict-Transport-Security"] == "max-age=31536000"
