"""The API under `/api/v1/`: its addresses, and what every request has in common."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, URLPattern, path, re_path, resolve
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as BadShape

from ..models import Page
from ..statuspage_api import page_id
from ..subscriptions.limits import LimitReached
from . import (
    absent,
    alerts,
    components,
    groups,
    incidents,
    pages,
    postmortems,
    problems,
    read,
    subscribers,
    templates,
    uptimes,
)
from .authentication import authenticate
from .parsing import BodyParser, is_storable, take_form_from_query

ROOT = "api/v1/"


def _authenticate(request: HttpRequest) -> Any:
    # Only who has a token learns which page there is.
    actor = authenticate(request)
    wanted = request.resolver_match.kwargs.get("page_id") if request.resolver_match else None
    if wanted is not None and wanted != page_id(cast(Any, request).page):
        raise Http404
    return actor


class DescribedAPI(NinjaAPI):
    """Describes errors with the type that they have."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> Any:
        document = super().get_openapi_schema(*args, **kwargs)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST:
                        answer["content"] = dict.fromkeys([problems.TYPE], *answer["content"].values())
        return document


api = DescribedAPI(
    title="Status page", version="1", auth=_authenticate, parser=BodyParser(), docs_url=None, urls_namespace="api"
)
api.add_exception_handler(problems.RequestRefused, problems.of_problem)
api.add_exception_handler(LimitReached, problems.of_limit)
api.add_exception_handler(ValidationError, problems.of_refusal)
api.add_exception_handler(BadShape, problems.of_bad_shape)
api.add_exception_handler(PermissionDenied, problems.of_missing_right)
api.add_exception_handler(Http404, problems.of_missing)


@api.exception_handler(HttpError)
def _http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problems.response(HTTPStatus(error.status_code), [str(error)])


api.add_router("/pages", pages.router)
api.add_router("/pages/{page_id}", incidents.router)
api.add_router("/pages/{page_id}", postmortems.router)
api.add_router("/pages/{page_id}/incident_templates", templates.router)
api.add_router("/pages/{page_id}", components.router)
api.add_router("/pages/{page_id}", uptimes.router)
api.add_router("/pages/{page_id}", subscribers.router)
api.add_router("/pages/{page_id}/component-groups", groups.router)
api.add_router("/pages/{page_id}", absent.router)
api.add_router("/alerts", alerts.router)


def urls() -> list[Any]:
    """The addresses, each also with the suffix `.json`; every other one below `/api/` is answered with JSON, too."""
    patterns, _app, _namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = _in_the_pages_zone(pattern.callback)
    return [
        re_path(rf"^{ROOT}(?P<address>(?!openapi\.json$).+)\.json$", _without_suffix),
        path(ROOT, (patterns, "api", "api")),
        *read.urls(),
        re_path(r"^api/", _missing),
    ]


@csrf_exempt
def _without_suffix(request: HttpRequest, address: str) -> HttpResponse:
    try:
        found = resolve(f"/{ROOT}{address}")
    except Resolver404:
        return _missing(request)
    request.resolver_match = found
    answer: HttpResponse = found.func(request, *found.args, **found.kwargs)
    return answer


@csrf_exempt
def _missing(request: HttpRequest) -> HttpResponse:
    return problems.of_missing(request, None)


def _in_the_pages_zone(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    # Times are in the time zone of the page, as in the read API.
    @csrf_exempt
    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        given = [*kwargs.values(), *(value for _name, values in request.GET.lists() for value in values)]
        if not all(map(is_storable, given)):
            return _missing(request)
        try:
            take_form_from_query(request)
        except problems.RequestRefused as refused:
            return problems.of_problem(request, refused)
        page = cast(Any, request).page = Page.objects.brief()
        with timezone.override(page.time_zone):
            answer = view(request, *args, **kwargs)
        if answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return answer
        refusal = problems.response(HTTPStatus.METHOD_NOT_ALLOWED, [_("This address does not take this method.")])
        refusal["Allow"] = answer["Allow"]
        return refusal

    return run
