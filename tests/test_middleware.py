from collections.abc import Callable
from ipaddress import ip_network

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from statuspage.middleware import ForwardedHeaders, SecurityHeaders


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


def is_secure(peer: str, **headers: str) -> bool:
    """Whether a view behind the middleware sees a request over https."""
    request = RequestFactory(REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": "https", **headers}).get("/")
    seen: list[bool] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.is_secure())
        return HttpResponse()

    ForwardedHeaders(view)(request)
    return seen == [True]


def test_only_a_trusted_proxy_can_say_that_a_request_came_over_https(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    assert is_secure("10.0.0.1")
    assert is_secure("::ffff:10.0.0.1")
    assert not is_secure("203.0.113.9")
    assert not is_secure("203.0.113.9", **{"X-Forwarded-For": "10.0.0.1"})
    assert not is_secure("")
    settings.TRUST_UNIX_SOCKET = True
    assert is_secure("")


def test_headers_of_a_proxy_are_removed_from_the_request_of_any_other_peer() -> None:
    headers = {"X-Forwarded-For": "a", "X-Forwarded-Host": "b", "Forwarded": "for=c", "X-Request-Id": "d"}
    request = RequestFactory(headers=headers).get("/")
    ForwardedHeaders(lambda _request: HttpResponse())(request)
    assert [name for name in request.META if "FORWARDED" in name or "REQUEST_ID" in name] == ["HTTP_X_REQUEST_ID"]


def test_headers_are_removed_before_anything_reads_them() -> None:
    assert django_settings.MIDDLEWARE[0] == "statuspage.middleware.ForwardedHeaders"
