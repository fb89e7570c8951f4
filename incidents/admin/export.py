"""Export of all subscribers, for staff who may see addresses. Each export is logged; `fresh_log_in` guards it."""

from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from ..subscriptions import tables, transfers
from ..subscriptions.origin import network
from .read_only import sees_addresses

_SHOWN = 10


def export_view(request: HttpRequest) -> HttpResponseBase:
    if not sees_addresses(request.user):
        raise PermissionDenied
    if request.method == "POST":
        return _file(request)
    context = {
        **site.each_context(request),
        "title": gettext("Export subscribers"),
        "number": tables.exportable().count(),
        "entries": transfers.records()[:_SHOWN],
    }
    return TemplateResponse(request, "admin/newsroom/export.html", context)


def _file(request: HttpRequest) -> StreamingHttpResponse:
    # The table line by line; recorded before the first line is sent.
    name = f"subscribers-{timezone.localdate()}.csv"
    number = tables.exportable().count()
    transfers.record_export(by=request.user, number=number, file=name, network=network(request))  # type: ignore[arg-type]
    return StreamingHttpResponse(
        tables.lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
