"""Actions with a confirmation page: publish or discard a draft, withdraw, publish again; and cancel and undo."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from .. import operations
from ..models import Announcement, Incident
from ..operations.snapshots import Collision, of_draft
from ..wording import words
from .addresses import incident_page, list_page
from .base import NewsroomAdmin
from .causes import without
from .edit_forecasts import forecast_of_draft
from .forms.opened import OPENED, dump_snapshot, parse_snapshot
from .publishing_warnings import say_done
from .shared import actor, changeable, page, publishable, say_what_happened, update_of


def publish(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    incident = publishable(admin, request, incident_id)
    update = update_of(incident, update_id)
    if update.is_public:
        messages.info(request, _("This was published already. Nothing was done twice."))
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        opened = parse_snapshot(request.POST[OPENED]) if OPENED in request.POST else None
        published = operations.publish_draft(update=update, by=actor(request), opened=opened)
        say_what_happened(request, published)

    context = {"title": _("Publish now?"), "update": update, "button": _("Publish")}
    if request.method != "POST":
        context |= {"opened": dump_snapshot(of_draft(update)), "forecast": forecast_of_draft(update)}
    return confirmed(admin, request, incident, step, context)


def discard(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    incident = changeable(admin, request, incident_id)
    if request.method == "POST" and not incident.updates.filter(pk=update_id).exists():
        messages.info(request, _("This was discarded already. Nothing was done twice."))
        return HttpResponseRedirect(incident_page(incident))
    update = update_of(incident, update_id)
    if update.is_public:
        messages.error(request, _("This update is public already. Correct it instead."))
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        operations.discard_draft(update=update, by=actor(request))
        messages.success(request, _("Draft discarded."))

    what = _("The text is deleted permanently. It was never public.")
    context = {"title": _("Discard the draft?"), "update": update, "what": what, "button": _("Discard")}
    return confirmed(admin, request, incident, step, {**context, "harmful": True})


def withdraw(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = publishable(admin, request, incident_id)

    if request.method == "POST" and incident.is_withdrawn:
        messages.info(request, _("This was withdrawn already. Nothing was done twice."))
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        operations.withdraw(incident=incident, by=actor(request))
        say_done(request, incident, _("Withdrawn. Readers no longer see it, and no more messages about it are sent."))

    context = {"title": _("Withdraw from the public page?"), "button": _("Withdraw"), "harmful": True}
    return confirmed(admin, request, incident, step, {**context, "withdrawing": True, "changes": without(incident)})


def publish_again(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = publishable(admin, request, incident_id)

    if request.method == "POST" and incident.is_public:
        messages.info(request, _("This was published already. Nothing was done twice."))
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        operations.publish_again(incident=incident, by=actor(request))
        say_done(request, incident, _("Published again. Only webhooks are notified, of component statuses."))

    what = _(
        "It is restored as it was, with its times and component statuses. "
        "Only webhooks are notified, of component statuses."
    )
    context = {"title": _("Publish again?"), "what": what, "button": _("Publish again")}
    return confirmed(admin, request, incident, step, context)


def cancel(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """Cancel a held announcement. Without confirmation, because the hold is running out."""
    incident = publishable(admin, request, incident_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    announcement = get_object_or_404(
        Announcement.objects.select_related("update"), pk=announcement_id, update__incident=incident
    )
    if operations.cancel_announcement(announcement=announcement, by=actor(request)):
        say_done(request, incident, _("Cancelled: subscribers are not notified. The update itself stays on the page."))
    else:
        messages.error(request, _("Too late: subscribers are being notified, or it was cancelled already."))
    return HttpResponseRedirect(incident_page(incident))


def undo(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, announcement_id: int) -> HttpResponse:
    """Turn an update whose announcement is held back into a draft. Without confirmation, as above."""
    incident = publishable(admin, request, incident_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    announcement = get_object_or_404(
        Announcement.objects.select_related("update__incident"), pk=announcement_id, update__incident=incident
    )
    try:
        draft = operations.undo_update(update=announcement.update, by=actor(request))
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
        return HttpResponseRedirect(incident_page(incident))
    say_done(
        request,
        incident,
        _("Undone: subscribers are not notified, the page is as it was, and your text is a draft again."),
    )
    return HttpResponseRedirect(incident_page(incident, "draft", draft.pk))


def confirmed(
    admin: NewsroomAdmin, request: HttpRequest, incident: Incident, step: Callable[[], None], context: dict[str, Any]
) -> HttpResponse:
    """Ask on GET, act on POST. Errors are shown on the incident's page."""
    if request.method != "POST":
        return page(admin, request, "confirm", {**context, "subtitle": words(incident.title), "incident": incident})
    try:
        step()
    except Collision:
        messages.warning(request, _("Nothing was published: it was changed in the meantime. This is how it is now."))
        return HttpResponseRedirect(request.path)
    except ValidationError as refusal:
        for message in refusal.messages:
            messages.error(request, message)
    there = Incident.objects.filter(pk=incident.pk).exists()
    return HttpResponseRedirect(incident_page(incident) if there else list_page(incident.kind))
