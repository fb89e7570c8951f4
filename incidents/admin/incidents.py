"""Incidents and planned maintenance: their lists, and the page of each with its timeline."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext

from .. import links, operations
from ..models import Incident, Maintenance
from ..status import Kind, Phase
from ..wording import words
from . import (
    announcement_views,
    composing,
    confirm_views,
    editing,
    forecast_views,
    planned_end,
    postmortem,
    preview,
    repeating,
    versions,
)
from .addresses import incident_page
from .base import NewsroomAdmin
from .filters import OwnChoicesFilter
from .publishing_warnings import why_incident_is_unwritten
from .timeline import timeline_of
from .unsaved_forms import keeps_form

View = Callable[..., HttpResponse]


class IncidentPages(NewsroomAdmin):
    """The URLs of the pages about an incident or a maintenance, and its main page."""

    def get_urls(self) -> list[URLPattern]:
        return [*self._own_urls(), *super().get_urls()]

    def _own_urls(self) -> list[URLPattern]:
        return [
            self._page("audience/", postmortem.with_text(forecast_views.audience), "audience"),
            self._page("preview/", preview.preview_new, "preview_new"),
            self._page("<id:incident_id>/preview/", preview.preview_update, "preview"),
            self._page("<id:incident_id>/update/", composing.new_update, "update"),
            self._page("<id:incident_id>/postmortem/", postmortem.write, "postmortem"),
            self._page("<id:incident_id>/postmortem/preview/", postmortem.preview, "postmortem_preview"),
            self._page("<id:incident_id>/held/", announcement_views.held, "held"),
            self._page("<id:incident_id>/details/", editing.details, "details"),
            self._page("<id:incident_id>/details/versions/", versions.details_versions, "details_versions"),
            self._page("<id:incident_id>/extend/", planned_end.extend, "extend"),
            self._page("<id:incident_id>/complete/", planned_end.complete, "complete"),
            self._page("<id:incident_id>/repeat/", repeating.repeat, "repeat"),
            self._page("<id:incident_id>/end-series/", repeating.end, "end_series"),
            self._page("<id:incident_id>/withdraw/", confirm_views.withdraw, "withdraw"),
            self._page("<id:incident_id>/publish-again/", confirm_views.publish_again, "publish_again"),
            self._page("<id:incident_id>/updates/<id:update_id>/", postmortem.edit_draft, "draft"),
            self._page("<id:incident_id>/updates/<id:update_id>/versions/", versions.draft_versions, "draft_versions"),
            self._page("<id:incident_id>/updates/<id:update_id>/publish/", confirm_views.publish, "publish"),
            self._page("<id:incident_id>/updates/<id:update_id>/discard/", confirm_views.discard, "discard"),
            self._page("<id:incident_id>/updates/<id:update_id>/correct/", postmortem.correct, "correct"),
            *self._announcement_pages(),
        ]

    def _announcement_pages(self) -> list[URLPattern]:
        views = {
            "undo": confirm_views.undo,
            "cancel": confirm_views.cancel,
            "panel": announcement_views.panel,
            "pause": announcement_views.pause,
            "resume": announcement_views.resume,
            "stop": announcement_views.stop,
            "resend": announcement_views.resend,
        }
        place = "<id:incident_id>/announcements/<int:announcement_id>"
        return [self._page(f"{place}/{name}/", view, name) for name, view in views.items()]

    def _page(self, route: str, view: View, name: str) -> URLPattern:
        bound = keeps_form(partial(view, self))
        bound.__name__ = view.__name__  # admin_view copies it
        return path(route, self.admin_site.admin_view(bound), name=f"incidents_{self.kind}_{name}")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return keeps_form(partial(composing.new_incident, self))(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        # The incident's main page: its public and pending updates, and the next actions.
        incident = self.get_object(request, object_id)
        if incident is None or not self.has_view_permission(request, incident):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": words(incident.title),
            "incident": incident,
            "timeline": timeline_of(incident, progress_for=request.user),
            "may_change": self.has_change_permission(request, incident),
            "may_publish": self.may_publish(request),
            "public_pages": public_pages(incident),
            "unwritten": why_incident_is_unwritten(incident),
            "next_steps": next_steps(incident, may_publish=self.may_publish(request)),
            "later_ends": planned_end.later_ends(incident),
            "series": repeating.series_of(incident),
            "hold": settings.ANNOUNCEMENT_HOLD,
            "languages": settings.LANGUAGES,
            "shows_versions": True,
            "now": timezone.now(),
        }
        return TemplateResponse(request, "admin/newsroom/incident.html", context)


def next_steps(incident: Incident, *, may_publish: bool = True) -> list[tuple[str, str, str]]:
    """The possible actions: label, URL, and the button's class (`default`, `harmful` or none)."""
    update = incident_page(incident, "update")
    public = incident.is_public
    offered = {
        gettext("Start"): (f"{update}?phase=in_progress", incident.phase == Phase.SCHEDULED),
        gettext("Post update"): (update, incident.is_public and not incident.is_over),
        gettext("Resolve"): (f"{update}?phase=resolved", not incident.is_maintenance and not incident.is_over),
        gettext("Complete"): (f"{update}?phase=completed", incident.phase in {Phase.IN_PROGRESS, Phase.VERIFYING}),
        gettext("Cancel maintenance"): (f"{update}?phase=cancelled", incident.is_maintenance and not incident.is_over),
        gettext("Add an update"): (update, incident.is_over),
        gettext("Write postmortem"): (incident_page(incident, "postmortem"), postmortem.is_wanted(incident)),
        gettext("Reopen"): (f"{update}?reopen=1", incident.is_over and may_publish),
        gettext("Repeat"): (incident_page(incident, "repeat"), may_publish and operations.can_repeat(incident)),
        gettext("Edit details"): (
            incident_page(incident, "details"),
            may_publish or not (public or incident.is_withdrawn),
        ),
    }
    possible = [
        (label, address, "")
        for label, (address, fits) in offered.items()
        if fits and (public or address.endswith("/details/"))
    ]
    if incident.is_withdrawn and may_publish:
        possible.insert(0, (gettext("Publish again"), incident_page(incident, "publish_again"), "default"))
    if public:
        possible[0] = (*possible[0][:2], "default")
    if public and may_publish:
        possible.append((gettext("Withdraw"), incident_page(incident, "withdraw"), "harmful"))
    return possible


def public_pages(incident: Incident) -> list[tuple[str, str]]:
    """Language and URL of the incident's public pages; empty while it is not public."""
    if not incident.is_public:
        return []
    return [(code, links.incident(incident.pk, code)) for code, _name in settings.LANGUAGES]


@admin.register(Incident)
class IncidentAdmin(IncidentPages):
    kind = Kind.INCIDENT
    list_display = ("shown_title", "phase", "impact", "visibility", "started", "ended")
    list_filter = (("phase", OwnChoicesFilter), ("impact", OwnChoicesFilter))


@admin.register(Maintenance)
class MaintenanceAdmin(IncidentPages):
    kind = Kind.MAINTENANCE
