"""The search in the history: the only page for readers that is computed per request. It sets no cookie."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from .. import links
from ..markup import one_line
from ..models import Page
from ..subscriptions.limits import may_search
from ..subscriptions.origin import network
from .results import MAX_LENGTH, MAX_PAGES, find


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`?q=` is the query, `&page=` counts from 1. 422 if the query is too long, 429 after too many searches."""
    query = one_line(request.GET.get("q", ""))
    if len(query) > MAX_LENGTH:
        limit = ngettext("At most %(limit)d character, please.", "At most %(limit)d characters, please.", MAX_LENGTH)
        message = limit % {"limit": MAX_LENGTH}
        return _page(request, query, HTTPStatus.UNPROCESSABLE_ENTITY, problem=message)
    if query and not may_search(network=network(request)):
        message = _("Too many searches in a short time. Try again in a minute, or browse the history month by month.")
        answer = _page(request, query, HTTPStatus.TOO_MANY_REQUESTS, problem=message)
        answer.headers["Retry-After"] = "60"
        return answer
    language = translation.get_language() or settings.LANGUAGE_CODE
    page = Page.objects.current()
    with timezone.override(page.time_zone):
        results = find(query, language, _number(request.GET.get("page", ""))) if query else None
        return _page(request, query, page=page, results=results)


def _page(request: HttpRequest, query: str, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
    query_string = f"?{urlencode({'q': query})}" if query else ""
    alternates = [(code, links.search(code) + query_string) for code, _name in settings.LANGUAGES]
    shared = {"query": query, "longest": MAX_LENGTH, "alternates": alternates}
    return render(request, "public/search.html", {**shared, **context}, status=status)


def _number(text: str) -> int:
    # Return a page number; invalid input is page 1.
    return min(max(int(text), 1), MAX_PAGES) if text.isascii() and text.isdigit() and len(text) < 5 else 1
