"""Incidents and planned maintenance: their lists, and the page of one with its timeline."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .. import links
from ..models import Incident, Maintenance
from ..status import Kind, Phase
from ..wording import passage, short_moment, words
from . import composing, editing, preview, steps, telling
from .addresses import incident_page
from .timeline import timeline_of
from .unwritten import why_incident_is_unwritten

View = Callable[..., HttpResponse]


class NewsroomAdmin(admin.ModelAdmin[Incident]):
    """What incidents and maintenance share. Nothing is saved or deleted here but by the verbs' own pages."""

    kind: Kind
    list_display: tuple[str, ...] = ("shown_title", "phase", "visibility", "started", "ended")
    list_display_links = ("shown_title",)
    list_filter: ClassVar[tuple[str, ...]] = ("phase",)
    search_fields = ("title", "id")
    ordering = ("-started_at", "-id")
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return super().get_queryset(request).filter(kind=self.kind)

    def has_delete_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        """A draft is discarded and a public incident withdrawn; neither is deleted by the way."""
        return False

    def get_urls(self) -> list[URLPattern]:
        return [*self._own_urls(), *super().get_urls()]

    def _own_urls(self) -> list[URLPattern]:
        return [
            self._page("audience/", composing.audience, "audience"),
            self._page("preview/", preview.preview_new, "preview_new"),
            self._page("<id:incident_id>/preview/", preview.preview_update, "preview"),
            self._page("<id:incident_id>/update/", composing.new_update, "update"),
            self._page("<id:incident_id>/held/", telling.held, "held"),
            self._page("<id:incident_id>/details/", editing.details, "details"),
            self._page("<id:incident_id>/withdraw/", steps.withdraw, "withdraw"),
            self._page("<id:incident_id>/publish-again/", steps.publish_again, "publish_again"),
            self._page("<id:incident_id>/updates/<id:update_id>/", composing.edit_draft, "draft"),
            self._page("<id:incident_id>/updates/<id:update_id>/publish/", steps.publish, "publish"),
            self._page("<id:incident_id>/updates/<id:update_id>/discard/", steps.discard, "discard"),
            self._page("<id:incident_id>/updates/<id:update_id>/correct/", editing.correct, "correct"),
            *self._announcement_pages(),
        ]

    def _announcement_pages(self) -> list[URLPattern]:
        steps_taken = {
            "undo": steps.undo, "cancel": steps.cancel, "panel": telling.panel, "pause": telling.pause,
            "resume": telling.resume, "stop": telling.stop, "resend": telling.resend,
        }  # fmt: skip
        place = "<id:incident_id>/announcements/<int:announcement_id>"
        return [self._page(f"{place}/{name}/", view, name) for name, view in steps_taken.items()]

    def _page(self, route: str, view: View, name: str) -> URLPattern:
        bound = partial(view, self)
        bound.__name__ = view.__name__  # type: ignore[attr-defined]  # admin_view copies it
        return path(route, self.admin_site.admin_view(bound), name=f"incidents_{self.kind}_{name}")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return composing.new_incident(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The incident's own page: what readers see of it, what is waiting, and the next steps."""
        incident = self.get_object(request, object_id)
        if incident is None or not self.has_view_permission(request, incident):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": words(incident.title),
            "incident": incident,
            "timeline": timeline_of(incident, with_progress=True),
            "may_change": self.has_change_permission(request, incident),
            "public_pages": public_pages(incident),
            "unwritten": why_incident_is_unwritten(incident),
            "next_steps": next_steps(incident),
            "languages": settings.LANGUAGES,
            "now": timezone.now(),
        }
        return TemplateResponse(request, "admin/newsroom/incident.html", context)

    @admin.display(description=_("title"), ordering="title")
    def shown_title(self, incident: Incident) -> SafeString:
        return passage(incident.title)

    @admin.display(description=pgettext_lazy("who sees an incident", "visible"), boolean=True, ordering="published_at")
    def visibility(self, incident: Incident) -> bool:
        return incident.is_public

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, incident: Incident) -> SafeString:
        return short_moment(incident.started_at)

    @admin.display(description=_("ended"), ordering="ended_at", empty_value="–")
    def ended(self, incident: Incident) -> SafeString | None:
        return short_moment(incident.ended_at) if incident.ended_at else None


def next_steps(incident: Incident) -> list[tuple[str, str, str]]:
    """What staff can do now: label, address, and the weight of the button (the class `default`, `harmful` or none)."""
    update = incident_page(incident, "update")
    steps = {
        gettext("Start"): (f"{update}?phase=in_progress", incident.phase == Phase.SCHEDULED),
        gettext("Post update"): (update, incident.is_public and not incident.is_over),
        gettext("Resolve"): (f"{update}?phase=resolved", not incident.is_maintenance and not incident.is_over),
        gettext("Complete"): (f"{update}?phase=completed", incident.phase in {Phase.IN_PROGRESS, Phase.VERIFYING}),
        gettext("Call off"): (f"{update}?phase=cancelled", incident.is_maintenance and not incident.is_over),
        gettext("Add an update"): (update, incident.is_over),
        gettext("Reopen"): (f"{update}?reopen=1", incident.is_over),
        gettext("Edit details"): (incident_page(incident, "details"), True),
    }
    public = incident.is_public
    possible = [
        (label, address, "")
        for label, (address, fits) in steps.items()
        if fits and (public or address.endswith("/details/"))
    ]
    if incident.is_withdrawn:
        possible.insert(0, (gettext("Publish again"), incident_page(incident, "publish_again"), "default"))
    if public:
        possible[0] = (*possible[0][:2], "default")
        possible.append((gettext("Withdraw"), incident_page(incident, "withdraw"), "harmful"))
    return possible


def public_pages(incident: Incident) -> list[tuple[str, str]]:
    """Language and address of the incident's public pages; none while it is not public."""
    if not incident.is_public:
        return []
    return [(code, links.incident(incident.pk, code)) for code, _name in settings.LANGUAGES]


@admin.register(Incident)
class IncidentAdmin(NewsroomAdmin):
    kind = Kind.INCIDENT
    list_display = ("shown_title", "phase", "impact", "visibility", "started", "ended")
    list_filter = ("phase", "impact")


@admin.register(Maintenance)
class MaintenanceAdmin(NewsroomAdmin):
    kind = Kind.MAINTENANCE
