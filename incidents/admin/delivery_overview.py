"""Delivery status: everything that is being delivered, on one page."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ..models import Bounce
from ..notifications.monitoring import overview as delivery
from .destinations import shown_failing
from .read_only import ReadOnlyAdmin, sees_addresses


def overview(admin: ReadOnlyAdmin, request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part` the part that changes, for the script that refreshes it."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    context = _context(request)
    if "part" in request.GET:
        return TemplateResponse(request, "admin/newsroom/_overview.html", context)
    everywhere = {**admin.admin_site.each_context(request), "opts": admin.opts, "title": _("Delivery status")}
    return TemplateResponse(request, "admin/newsroom/overview.html", {**everywhere, **context})


def _context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    sees = sees_addresses(request.user)
    failures = delivery.newest_failures(now)
    rows = [(one, one.reply if sees else one.subscriber.masked_reply(one.reply)) for one in failures]
    found = delivery.overview(now)
    recent_bounces = Bounce.objects.filter(received_at__gte=now - delivery.RECENT)
    return {
        "overview": found,
        "failing": shown_failing(request.user, found.failing_destinations),
        "failures": rows,
        "sees_addresses": sees,
        "refused_by_policy": delivery.rejected_by_policy(now),
        "bounces": recent_bounces.exclude(consequence=Bounce.Consequence.UNKNOWN).count(),
        "bounces_to_read": recent_bounces.filter(consequence=Bounce.Consequence.UNKNOWN).count(),
    }
