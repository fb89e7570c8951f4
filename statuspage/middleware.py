"""Headers of dynamic pages: those of requests that count, and those of responses.

PublicSite sets the headers of published documents, and reads none that a proxy sets.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from incidents.public_site.headers import dynamic_headers
from incidents.subscriptions.origin import is_from_proxy


class ForwardedHeaders:
    """Removes the headers of a proxy from requests that no trusted proxy sent. Must be the first middleware.

    Django believes SECURE_PROXY_SSL_HEADER from any client.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_from_proxy(request.META):
            for name in [name for name in request.META if name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED"))]:
                del request.META[name]
            for name in (settings.REMOTE_USER_HEADER, settings.REMOTE_GROUPS_HEADER):
                request.META.pop(name, None)
        return self.get_response(request)


class SecurityHeaders:
    """Adds the security headers, and `no-store` unless the view has set its own Cache-Control."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in dynamic_headers(request.path, https=settings.HTTPS).items():
            response.headers.setdefault(name, value)
        return response
