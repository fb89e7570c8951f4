"""The page on which a member of staff switches emails about what waits for them on and off."""

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ..staff import rights
from ..staff_alerts.recipients import set_email_alerts, wants_email
from ..status import Kind
from .shared import writer


def alert_preferences(request: HttpRequest) -> HttpResponse:
    """Show the choice; `email_alerts` in a POST is `on`, or missing for off."""
    user = writer(request)
    if request.method == "POST":
        is_on = request.POST.get("email_alerts") == "on"
        set_email_alerts(user=user, on=is_on)
        messages.success(request, _("Alerts are sent to you by email.") if is_on else _("You get no alerts by email."))
        return HttpResponseRedirect(request.path)
    context = {
        **admin.site.each_context(request),
        "title": _("Alerts by email"),
        "is_on": wants_email(user),
        "may_publish": any(user.has_perm(rights.publish(kind)) for kind in Kind),
        "before_start": settings.ALERT_BEFORE_START,
        "has_chat": bool(settings.ALERT_WEBHOOK_URL),
    }
    return TemplateResponse(request, "admin/newsroom/alert_preferences.html", context)
