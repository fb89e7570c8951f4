"""The admin site: named after the page, in the page's time zone, with the newsroom's front page."""

from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from ..models import Page
from ..sign_in import oidc, steps
from ..wording import page_name
from . import log_in_links, second_factor, single_sign_on, unsaved_forms
from .addresses import is_storable
from .alarms import alarms
from .alert_preferences import alert_preferences
from .appearance import appearance, appearance_address
from .fresh_log_in import ask_to_confirm
from .front_page import front_page, publishing
from .log_in import LogInForm, LogInView
from .navigation import navigation
from .read_only import may_see
from .sessions import check_session, follow_new_password, own_sessions
from .shared import writer


class Newsroom(AdminSite):
    index_title = gettext_lazy("Newsroom")
    index_template = "admin/front.html"
    login_form = LogInForm
    logout_template = "admin/logged_out.html"
    enable_nav_sidebar = False  # the front page is one click away, and forms need the width

    def has_permission(self, request: HttpRequest) -> bool:
        # Every page asks this, so none is open to a session without the second factor.
        return super().has_permission(request) and steps.is_satisfied(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # As Django's, with our view, and without its sentence about a missing right.
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        if request.method == "GET" and (arrived := single_sign_on.SingleSignOnPages(self).arrive_by_proxy(request)):
            return arrived
        context = {
            **self.each_context(request),
            "title": gettext("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            "single_sign_on": single_sign_on.button_text(),
            "local_log_in": settings.LOCAL_LOG_IN,
            **(extra_context or {}),
        }
        if super().has_permission(request):  # logged in, and only the second factor is missing
            context |= {"user": AnonymousUser(), "needs_factor": True}
        request.current_app = self.name
        view: Any = LogInView.as_view(
            authentication_form=self.login_form, template_name="admin/login.html", extra_context=context
        )
        response: HttpResponse = view(request)
        return response

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Log out here, and offer to log out of the provider too: a link, since a form may not lead elsewhere."""
        issuer, _subject = steps.elsewhere(request) or ("", "")
        is_by_provider = request.method == "POST" and issuer == settings.OIDC.issuer != ""
        elsewhere = {
            "provider_log_out": oidc.log_out_address() if is_by_provider else "",
            "provider": single_sign_on.provider_name(),
        }
        response: TemplateResponse = super().logout(request, {**elsewhere, **(extra_context or {})})
        return response

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        page = Page.objects.current()
        name = page_name(page.name)
        everywhere = {**super().each_context(request), "site_header": name, "site_title": name}
        everywhere["navigation"] = navigation(everywhere["available_apps"], request.path)
        everywhere["documentation"] = settings.DOCUMENTATION_URL
        everywhere["appearance"] = appearance_address(page)
        everywhere["unsaved_forms"] = unsaved_forms.UnsavedForms(request)
        return everywhere | (_alarms(request) if self.has_permission(request) else {})

    def get_urls(self) -> list[Any]:
        return [
            path("appearance.css", appearance, name="appearance"),
            # Not behind `admin_view`: also for those whose second factor is missing.
            path("logout/", self.logout, name="logout"),
            *second_factor.urls(self),
            *single_sign_on.urls(self),
            *log_in_links.urls(self),
            path("alarms/", self.admin_view(self.alarms), name="alarms"),
            path("publishing/", self.admin_view(self.publishing), name="publishing"),
            path("writers/", self.admin_view(unsaved_forms.show_writers), name="writers"),
            path("alerts/", self.admin_view(alert_preferences), name="alerts"),
            path("sessions/", self.admin_view(own_sessions), name="sessions"),
            path("unsaved/keep/", self.admin_view(unsaved_forms.keep), name="keep_unsaved"),
            path("unsaved/discard/", self.admin_view(unsaved_forms.discard), name="discard_unsaved"),
            # No object has a page of its own on the site, and of some kinds there is not even a table.
            *(one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site"),
        ]

    def alarms(self, request: HttpRequest) -> TemplateResponse:
        """The alarms alone, for the script that refreshes them."""
        return TemplateResponse(request, "admin/_alarms.html", _alarms(request))

    def publishing(self, request: HttpRequest) -> TemplateResponse:
        """The front page's part about publishing alone, for the same script."""
        return TemplateResponse(request, "admin/_publishing.html", publishing())

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**front_page(request.user), **(extra_context or {})})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response: HttpResponse = super().password_change(request, extra_context)
        if isinstance(response, HttpResponseRedirect):
            follow_new_password(request, writer(request))
        return response

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        # Our own models first.
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: app["app_label"] != "incidents")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        # Use the page's time zone, as readers see it. URLs that PostgreSQL cannot store get 404.
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def in_the_pages_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not is_storable(request):
                raise Http404
            check_session(request)
            with timezone.override(Page.objects.brief().time_zone):
                asked = ask_to_confirm(request) if self.has_permission(request) else None
                response = asked or inner(request, *args, **kwargs)
                # A template response would render later, outside this time zone.
                return response.render() if isinstance(response, TemplateResponse) else response

        return in_the_pages_zone


def _alarms(request: HttpRequest) -> dict[str, Any]:
    return {"alarms": alarms(), "may_see_deliveries": may_see(request.user, "delivery")}


@cache
def newsroom() -> Newsroom:
    """The only instance. Django asks for it again while it imports this package."""
    return Newsroom()
