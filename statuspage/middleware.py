"""Headers of dynamic pages; PublicSite sets those of published documents."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from incidents.public_site.headers import dynamic_headers


class SecurityHeaders:
    """Adds the security headers, and `no-store` unless the view has set its own Cache-Control."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in dynamic_headers(request.path, https=settings.HTTPS).items():
            response.headers.setdefault(name, value)
        return response
