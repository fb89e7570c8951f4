"""What was done with an object, from the audit log. Django's own log is neither written nor read."""

from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from ..models import Incident
from ..staff import audit

_Row = TypeVar("_Row", bound=Model)

# The page shows so many of the newest entries; the audit log itself has all.
_ENTRIES = 100


class LoggedAdmin(admin.ModelAdmin[_Row]):
    """An admin whose changes are in the audit log, where verbs record them."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write nothing to Django's log."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write nothing to Django's log."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write nothing to Django's log."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done with an object. Only staff who may see the audit log are led to its entries."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Change history: %s") % row,
            "object": row,
            "opts": self.opts,
            "query": urlencode(_query(row)),
            "entries": audit.entries_of(row)[:_ENTRIES],
            "may_see_audit_log": request.user.has_perm("incidents.view_auditentry"),
        }
        return TemplateResponse(request, "admin/object_history.html", context)


def _query(row: Model) -> dict[str, Any]:
    # What finds the same entries in the list. Updates and announcements of an incident are of other kinds.
    return {"q": row.pk} if isinstance(row, Incident) else {"q": row.pk, "object": row._meta.model_name}
