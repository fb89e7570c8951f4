"""Shared by the newsroom's views: lookup, permissions, and the messages shown afterwards."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ..models import Incident, Update
from ..operations.effects import named_components
from ..staff.actors import Actor, person
from ..status import ComponentStatus, Phase
from ..subscriptions.origin import network
from ..wording import language_name, moment
from .base import NewsroomAdmin
from .causes import worse_than
from .forms.opened import OpenedForm
from .publishing_warnings import say_done

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def changeable(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> Incident:
    """The incident, for staff who may change it. Raises Http404, PermissionDenied."""
    incident = get_object_or_404(admin.get_queryset(request), pk=incident_id)
    if not admin.has_change_permission(request, incident):
        raise PermissionDenied
    return incident


def publishable(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> Incident:
    """The incident, for staff who may also publish it. Raises Http404, PermissionDenied."""
    incident = changeable(admin, request, incident_id)
    if not admin.may_publish(request):
        raise PermissionDenied
    return incident


def refuse_scheduled(admin: NewsroomAdmin, request: HttpRequest, draft: Update) -> None:
    """Raise PermissionDenied for a scheduled update, unless the user may publish: it is going to be public."""
    if draft.is_scheduled and not admin.may_publish(request):
        raise PermissionDenied


def update_of(incident: Incident, update_id: str) -> Update:
    return get_object_or_404(incident.updates.select_related("incident"), pk=update_id)


def writer(request: HttpRequest) -> "User":
    """The logged-in member of staff."""
    return cast("User", request.user)


def actor(request: HttpRequest) -> Actor:
    """The logged-in member of staff, and where the request came from, as verbs need them."""
    return person(request.user, network(request))


def page(
    admin: ModelAdmin[Any], request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200
) -> TemplateResponse:
    """A newsroom page within the admin's layout. A form with errors gets status 422, after a collision 409."""
    form = context.get("form")
    if form is not None and form.is_bound and form.errors:
        status = 422
    if isinstance(form, OpenedForm) and form.is_overtaken:
        status = 409
    everywhere = {**admin.admin_site.each_context(request), "opts": admin.opts, "languages": settings.LANGUAGES}
    if isinstance(admin, NewsroomAdmin):
        everywhere["may_publish"] = admin.may_publish(request)
    return TemplateResponse(request, f"admin/newsroom/{template}.html", {**everywhere, **context}, status=status)


def say_what_happened(request: HttpRequest, update: Update) -> None:
    """A message that says what readers see now, and warnings about likely oversights."""
    if update.is_scheduled and update.publish_at:
        messages.success(
            request, _("It will be published automatically: %(time)s.") % {"time": moment(update.publish_at)}
        )
    elif not update.is_public:
        messages.success(request, _("The draft is saved. It is not public."))
    elif update.announcements.exists():
        say_done(request, update.incident, _("Published."))
    else:
        say_done(request, update.incident, _("Published. Subscribers are not notified."))
    _warn_of_missing_language(request, update)
    if update.is_public:
        _warn_of_components(request, update)


def say_repeated(request: HttpRequest) -> None:
    """For a button that is pressed again, after Back or twice."""
    messages.info(request, _("This was saved already. Nothing was done twice."))


def _warn_of_missing_language(request: HttpRequest, update: Update) -> None:
    codes = [code for code, _name in settings.LANGUAGES]
    missing = set(update.text.missing(codes)) | set(update.incident.title.missing(codes))
    for code in sorted(missing):
        messages.warning(
            request,
            _("Not everything is translated into %(language)s. Readers see the other language, marked as such.")
            % {"language": language_name(code)},
        )


def _warn_of_components(request: HttpRequest, update: Update) -> None:
    # Components that readers see worse than this update says; planned work that has not begun says nothing yet.
    if update.phase == Phase.SCHEDULED:
        return
    said: dict[str, str] = dict(update.affected.values_list("component", "status"))
    if Phase(update.phase).is_final:
        said = dict.fromkeys(named_components(update.incident), ComponentStatus.OPERATIONAL)
    for sentence in worse_than(said):
        messages.warning(request, sentence)
