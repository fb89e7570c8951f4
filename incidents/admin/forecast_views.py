"""The answer to the script that asks what a form would do as it is. Nothing is stored."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404

from ..models import Incident
from .addresses import is_id
from .base import NewsroomAdmin
from .composing import opening_form, posted_update_form
from .edit_forecasts import forecast_of_correction, forecast_of_details
from .editing import correction_form, details_form
from .forecast import Forecast, forecast_of, reach_of
from .forms.components import with_others


def audience(admin: NewsroomAdmin, request: HttpRequest) -> JsonResponse:
    """What the posted form would do, in `html`; or on GET how many people an update would reach.

    The form is that of an update, with `?details=1` that of the details, and with `?correct=ID` that of a correction.
    """
    incident = admin.get_queryset(request).filter(pk=request.GET.get("incident", "")).first()
    if request.method != "POST":
        return reach_of(admin, request, incident)
    if not (admin.has_change_permission(request, incident) if incident else admin.has_add_permission(request)):
        raise PermissionDenied
    return _forecast(admin, request, incident).as_json()


def _forecast(admin: NewsroomAdmin, request: HttpRequest, incident: Incident | None) -> Forecast:
    if incident is None:
        return forecast_of(opening_form(admin.kind, request.POST), admin.kind, None)
    if "correct" in request.GET:
        key = request.GET["correct"]
        public = incident.updates.filter(published_at__isnull=False).select_related("incident")
        update = get_object_or_404(public, pk=key if is_id(key) else "")
        return forecast_of_correction(correction_form(request.POST, update))
    if "details" in request.GET:
        return forecast_of_details(details_form(request.POST, incident), incident)
    key = request.POST.get("id", "")
    draft = incident.updates.filter(pk=key if is_id(key) else "", published_at=None).first()
    form = posted_update_form(incident, request.POST, draft)
    form.rows = with_others(form.rows, incident)
    return forecast_of(form, admin.kind, incident)
