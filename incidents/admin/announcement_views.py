"""Views of an announcement: its progress, and pause, resume, stop and resend."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import operations
from ..models import Announcement, DeliveryState, Incident
from ..notifications.monitoring.progress import counts_by_state
from .addresses import incident_page
from .base import NewsroomAdmin
from .confirm_views import confirmed
from .destinations import shown_progress
from .publishing_warnings import why_incident_is_unwritten
from .shared import actor, publishable
from .timeline import timeline_of


def panel(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """The panel alone, for the script that refreshes it."""
    incident = get_object_or_404(admin.get_queryset(request), pk=incident_id)
    if not admin.has_view_permission(request, incident):
        raise PermissionDenied
    (progress,) = shown_progress(request.user, [_announcement(incident, announcement_id)])
    may_publish = admin.may_publish(request)
    unwritten = why_incident_is_unwritten(incident)
    context = {"progress": progress, "incident": incident, "may_publish": may_publish, "unwritten": unwritten}
    return TemplateResponse(request, "admin/newsroom/_panel.html", context)


def held(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """Held announcements, and whether readers see the current incident; for the same script."""
    incident = get_object_or_404(admin.get_queryset(request), pk=incident_id)
    if not admin.has_view_permission(request, incident):
        raise PermissionDenied
    context = {
        "incident": incident,
        "timeline": timeline_of(incident),
        "may_publish": admin.may_publish(request),
        "unwritten": why_incident_is_unwritten(incident),
    }
    return TemplateResponse(request, "admin/newsroom/_held.html", context)


def pause(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """Without confirmation: it can be undone."""
    return _at_once(admin, request, incident_id, announcement_id, resume=False)


def resume(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    return _at_once(admin, request, incident_id, announcement_id, resume=True)


def stop(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """With confirmation, because it is permanent. Sending continues until then, unless it is paused."""
    incident = publishable(admin, request, incident_id)
    announcement = _announcement(incident, announcement_id)

    def step() -> None:
        number = operations.stop_announcement(announcement=announcement, by=actor(request))
        sentence = ngettext(
            "Stopped: %(count)d person is not notified.",
            "Stopped: %(count)d people are not notified.",
            number,
        )
        messages.success(request, sentence % {"count": number})

    what = _("Messages already sent cannot be recalled. Subscribers who are still waiting will not be notified.")
    title = _("Stop notifying subscribers?")
    context = {"title": title, "update": announcement.update, "what": what, "button": _("Stop permanently")}
    return confirmed(admin, request, incident, step, {**context, "harmful": True})


def resend(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """Resend to the subscribers whose delivery failed."""
    incident = publishable(admin, request, incident_id)
    announcement = _announcement(incident, announcement_id)

    def step() -> None:
        number = operations.resend_failed(announcement=announcement, by=actor(request))
        sentence = ngettext("%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", number)
        messages.success(request, sentence % {"count": number})

    failed = counts_by_state([announcement])[announcement.pk][DeliveryState.FAILED]
    what = ngettext(
        "%(count)d delivery failed and is sent again. Nothing is sent to anyone else.",
        "%(count)d deliveries failed and are sent again. Nothing is sent to anyone else.",
        failed,
    )
    context = {"title": _("Try the failed ones again?"), "update": announcement.update, "button": _("Try again")}
    return confirmed(admin, request, incident, step, {**context, "what": what % {"count": failed}})


def _at_once(
    admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int, *, resume: bool
) -> HttpResponse:
    incident = publishable(admin, request, incident_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    announcement = _announcement(incident, announcement_id)
    verb = operations.resume_announcement if resume else operations.pause_announcement
    done = verb(announcement=announcement, by=actor(request))
    if done:
        messages.success(request, _("Resumed.") if resume else _("Paused. Messages in flight still arrive."))
    else:
        messages.info(request, _("Nothing changed."))
    return HttpResponseRedirect(incident_page(incident) + f"#panel-{announcement.pk}")


def _announcement(incident: Incident, announcement_id: int) -> Announcement:
    if announcement_id > 2**63 - 1:
        raise Http404
    announcements_of = Announcement.objects.filter(update__incident=incident).select_related("update__incident")
    return get_object_or_404(announcements_of, pk=announcement_id)
