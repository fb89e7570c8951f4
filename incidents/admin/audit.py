"""The audit log: the list, a page for each entry, and the download."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Func, Q, QuerySet, TextField
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from ..models import ActorKind, AuditEntry, Incident
from ..staff import audit
from ..staff.sentences import SENTENCES, sentence
from ..wording import short_moment
from .addresses import incident_page
from .audit_changes import changes_of, kind_name
from .filters import OneOfFilter
from .read_only import ReadOnlyAdmin, may_see
from .shared import page

# The objects of the operations.
KINDS = (
    "incident", "update", "announcement", "component", "componentgroup", "updatetemplate", "alertrule", "page",
    "subscriber", "user", "group", "apitoken",
)  # fmt: skip


class _Names(Func):
    """The texts of a name, without the codes of their languages."""

    template = "jsonb_path_query_array(%(expressions)s, '$.*')::text"
    output_field = TextField()


class KindFilter(OneOfFilter):
    title = _("kind of object")
    parameter_name = "object"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return sorted(((kind, kind_name(kind)) for kind in KINDS), key=lambda choice: choice[1])

    def condition(self, value: str) -> Q:
        return Q(kind=value)


class OperationFilter(OneOfFilter):
    title = pgettext_lazy("audit log", "action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return sorted(((name, str(text)) for name, text in SENTENCES.items()), key=lambda choice: choice[1])

    def condition(self, value: str) -> Q:
        return Q(operation=value)


class PersonFilter(OneOfFilter):
    """Offers the accounts of today. The entries of a deleted one are found by its name, with the search."""

    title = _("person")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = get_user_model()._default_manager.filter(is_staff=True).order_by("username")
        others = [ActorKind.TOKEN, ActorKind.AGENT, ActorKind.COMMAND, ActorKind.SCHEDULER]
        return [*((str(one.pk), one.get_username()) for one in people), *((one.value, one.label) for one in others)]

    def condition(self, value: str) -> Q:
        return Q(user=value) if value.isdecimal() else Q(actor_kind=value)


class TimeFilter(OneOfFilter):
    title = _("time")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Today")), ("7", _("Last 7 days")), ("30", _("Last 30 days"))]

    def condition(self, value: str) -> Q:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return Q(at__gte=midnight - timedelta(days=int(value) - 1))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("when", "who", "what", "object_shown", "network")
    list_display_links = ("what",)
    list_filter = (TimeFilter, PersonFilter, OperationFilter, KindFilter)
    ordering = ("-id",)
    sortable_by = ()
    empty_value_display = "–"
    search_fields = ("actor_name",)  # shows the box; `get_search_results` searches
    search_help_text = _("The name of a person, an id, or words of an object's name.")
    change_list_template = "admin/newsroom/audit_entries.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.download)
        return [path("download/", view, name="incidents_auditentry_download"), *super().get_urls()]

    def download(self, request: HttpRequest) -> StreamingHttpResponse:
        """The entries that the list shows with the same filters, as JSON lines."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        entries = self.get_changelist_instance(request).get_queryset(request)
        name = f"audit-log-{timezone.localdate()}.jsonl"
        return StreamingHttpResponse(
            audit.lines(entries),
            content_type="application/x-ndjson; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found = queryset.alias(names=_Names("object_name"))
        for word in search_term.split():
            ids = Q(object_id=word) | Q(incident_id=word) | Q(api_token=word)
            found = found.filter(ids | Q(actor_name__icontains=word) | Q(names__icontains=word))
        return found, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        entry = get_object_or_404(AuditEntry, pk=int(object_id) if object_id.isdecimal() else 0)
        incident = Incident.objects.filter(pk=entry.incident_id).first() if entry.incident_id else None
        shown = incident is not None and may_see(request.user, incident.kind)
        context = {
            "title": gettext("Entry %(number)d") % {"number": entry.pk},
            "entry": entry,
            "what": sentence(entry.operation),
            "kind": kind_name(entry.kind),
            "changes": changes_of(entry),
            "incident_address": incident_page(incident) if incident and shown else "",
        }
        return page(self, request, "audit_entry", context)

    @admin.display(description=_("time"))
    def when(self, entry: AuditEntry) -> SafeString:
        return short_moment(entry.at)

    @admin.display(description=pgettext_lazy("audit log", "who"))
    def who(self, entry: AuditEntry) -> str:
        return entry.actor

    @admin.display(description=pgettext_lazy("audit log", "action"))
    def what(self, entry: AuditEntry) -> str:
        return sentence(entry.operation)

    @admin.display(description=_("object"))
    def object_shown(self, entry: AuditEntry) -> str:
        return entry.shown_name or entry.object_id or "–"
