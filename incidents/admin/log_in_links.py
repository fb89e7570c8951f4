"""The page of a one-time log-in link. Opening it changes nothing; the button uses the link up."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from ..sign_in import log_in_links
from ..subscriptions.origin import network
from .log_in import after_password


def urls(site: AdminSite) -> list[Any]:
    """The address; it is for those who are not logged in."""

    def view(request: HttpRequest) -> HttpResponse:
        return _page(site, request)

    return [path("log-in-link/", never_cache(view), name="log_in_link")]


def _page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    is_answer = request.method == "POST"
    if is_answer:
        token = request.POST.get("token", "")
        user = log_in_links.use_log_in_link(token=token, network=network(request), now=timezone.now())
        if user is not None:
            user.backend = "django.contrib.auth.backends.ModelBackend"
            return after_password(request, user, reverse("admin:index"))
    context = {
        **site.each_context(request),
        "title": gettext("Log in with a link"),
        "token": request.GET.get("token", ""),
        "is_void": is_answer,
    }
    return TemplateResponse(request, "admin/single_sign_on/link.html", context, status=410 if is_answer else 200)
