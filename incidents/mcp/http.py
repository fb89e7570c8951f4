"""The address `/api/mcp`: streamable HTTP of the Model Context Protocol, without sessions and without streams."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from ..api import problems
from ..api.authentication import authenticate
from ..staff.actors import agent

# Of the headers of a request, the SDK gets these; the token is not among them.
_PASSED_ON = ("accept", "content-type", "content-length", "host")


def urls() -> list[URLPattern]:
    return [path("api/mcp", _agents, name="mcp")]


@csrf_exempt
def _agents(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        refusal = problems.response(HTTPStatus.METHOD_NOT_ALLOWED, [_("This address does not take this method.")])
        refusal["Allow"] = "POST"
        return refusal
    # As the specification demands: a page of somebody else must not use an agent's browser to get here.
    if request.headers.get("Origin", settings.SITE_URL) != settings.SITE_URL:
        return problems.response(HTTPStatus.FORBIDDEN, [_("Pages of other sites may not call this address.")])
    try:
        actor = agent(authenticate(request))
    except problems.RequestRefused as refused:
        return problems.of_problem(request, refused)
    # The SDK is loaded with the first agent: it is slow to import, and few installations have agents.
    answer = import_string("incidents.mcp.exchange.answer")
    named = {name.lower(): value for name, value in request.headers.items()}
    passed_on = {name: value for name, value in named.items() if name in _PASSED_ON or name.startswith("mcp-")}
    status, headers, body = answer(passed_on, request.body, lambda: actor)
    if status >= HTTPStatus.BAD_REQUEST and "content-type" not in headers:
        # Of a wrong Content-Type or Accept: the SDK says it in plain text, and the API says everything in JSON.
        return problems.response(HTTPStatus(status), [body.decode() or HTTPStatus(status).phrase])
    return HttpResponse(body, status=status, headers=headers)
