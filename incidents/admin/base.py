"""The base class of the incident and maintenance admins; views get an instance of it."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from ..models import Incident
from ..models.incidents import IncidentQuerySet
from ..staff import rights
from ..status import Kind
from ..wording import passage, short_moment
from .filters import OwnChoicesFilter
from .paging import PagedAdmin


class NewsroomAdmin(PagedAdmin[Incident]):
    """The kind, its rows, permissions and list columns.

    Nothing is saved or deleted by the admin's own forms, only by verbs.
    """

    kind: Kind
    list_display: tuple[str, ...] = ("shown_title", "phase", "visibility", "started", "ended")
    list_display_links = ("shown_title",)
    list_filter: ClassVar[tuple[Any, ...]] = (("phase", OwnChoicesFilter),)
    search_fields = ("title",)  # shows the box; `get_search_results` searches
    search_help_text = _("Words in titles and updates, or an id. Accents may be left out: “aabning” finds “åbning”.")
    ordering = ("-started_at", "-id")
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return super().get_queryset(request).filter(kind=self.kind)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Incident], search_term: str
    ) -> tuple[QuerySet[Incident], bool]:
        """Search the words of titles and texts; sorted by rank, unless staff have chosen an order."""
        if not search_term.strip():
            return queryset, False
        found = cast("IncidentQuerySet", queryset).containing(search_term)
        return (found.order_by(*queryset.query.order_by) if ORDER_VAR in request.GET else found), False

    def may_publish(self, request: HttpRequest) -> bool:
        """Whether the user may do what readers and subscribers see."""
        return bool(request.user.has_perm(rights.publish(self.kind)))

    def has_delete_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        # Drafts are discarded and public incidents withdrawn; neither is deleted.
        return False

    @admin.display(description=_("title"), ordering="title")
    def shown_title(self, incident: Incident) -> SafeString:
        return passage(incident.title)

    @admin.display(description=pgettext_lazy("who sees an incident", "visible"), ordering="published_at")
    def visibility(self, incident: Incident) -> str:
        return gettext("Yes") if incident.is_public else gettext("No")

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, incident: Incident) -> SafeString:
        return short_moment(incident.started_at)

    @admin.display(description=_("ended"), ordering="ended_at", empty_value="–")
    def ended(self, incident: Incident) -> SafeString | None:
        return short_moment(incident.ended_at) if incident.ended_at else None
