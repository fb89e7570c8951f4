"""The pages for 400, 403 and 404.

Django's own first check the CSRF token, for which they parse the body of the request, and
respond with 500 if it is malformed. No error page has a form.
"""

import logging
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from incidents.api import read
from incidents.subscriptions.origin import network

logger = logging.getLogger(__name__)


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Render the page without the request, which may be malformed in any part."""
    return HttpResponse(loader.render_to_string("400.html"), status=HTTPStatus.BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Render the page, and log which account asked for what."""
    account = request.user.pk if hasattr(request, "user") else None
    logger.warning("Refused: %s %r, account %s, from %s", request.method, request.path, account, network(request))
    return render(request, "403.html", status=HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    if read.is_below(request.path):
        return read.missing(request)
    return render(request, "404.html", status=HTTPStatus.NOT_FOUND)
