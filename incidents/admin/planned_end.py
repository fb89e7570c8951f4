"""Maintenance in progress takes longer, or is done earlier: one press on its page, without a confirmation.

Subscribers are notified after the hold; until then staff can undo it.
"""

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from .. import operations
from ..models import Incident
from ..status import WORK_PHASES, Phase
from .addresses import incident_page
from .base import NewsroomAdmin
from .confirm_views import confirmed
from .publishing_warnings import say_done
from .shared import actor, publishable, say_repeated, say_what_happened

EXTENSIONS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2))


def later_ends(incident: Incident) -> list[tuple[timedelta, datetime]]:
    """The offered extensions of maintenance in progress: how much more, and the end that results.

    Once the planned end has passed, they count from the next full minute.
    """
    if not incident.is_public or incident.phase not in WORK_PHASES or incident.scheduled_until is None:
        return []
    next_minute = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    end = max(incident.scheduled_until, next_minute)
    return [(more, end + more) for more in EXTENSIONS]


def extend(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """Move the planned end to `until`, if it is still the one that the page showed, `known`. Both are ISO 8601."""
    incident = publishable(admin, request, incident_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    known, until = _time(request, "known"), _time(request, "until")
    if known is None or until is None:
        messages.error(request, _("The new end is missing. Nothing was done."))
        return HttpResponseRedirect(incident_page(incident))
    if incident.scheduled_until == until:
        say_repeated(request)
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        update = operations.move_planned_end(incident=incident, known=known, until=until, by=actor(request))
        if update is None:
            say_done(request, incident, _("Moved back. Subscribers are not notified of either change."))
        else:
            say_what_happened(request, update)

    return confirmed(admin, request, incident, step, {})


def complete(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """Complete maintenance now, with the text that the scheduler would use."""
    incident = publishable(admin, request, incident_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if incident.phase == Phase.COMPLETED:
        say_repeated(request)
        return HttpResponseRedirect(incident_page(incident))

    def step() -> None:
        text = operations.automatic_text(incident, Phase.COMPLETED)
        update = operations.complete_maintenance(incident=incident, text=text, notify=True, by=actor(request))
        say_what_happened(request, update)

    return confirmed(admin, request, incident, step, {})


def _time(request: HttpRequest, name: str) -> datetime | None:
    try:
        time = parse_datetime(request.POST.get(name, ""))
    except ValueError:
        return None
    return time if time and timezone.is_aware(time) else None
