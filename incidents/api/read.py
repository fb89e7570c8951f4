"""Addresses of the read API where nothing is published. What is published is answered before Django."""

import re
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from ..public_site.headers import PREFLIGHT
from . import problems


@csrf_exempt
def missing(request: HttpRequest, rest: str = "") -> HttpResponse:  # noqa: ARG001 - Django names it
    """Answer 404, which scripts of other websites can read like the documents."""
    if request.method == "OPTIONS":
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers=dict(PREFLIGHT))
    answer = problems.of_missing(request, None)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def is_below(path: str) -> bool:
    """Whether a path is one of the read API in a language. It has no route: Django would redirect to it."""
    return re.match(r"/[a-z-]+/api/v2/", path) is not None


def urls() -> list[URLPattern]:
    return [path("api/v2/<path:rest>", missing)]
