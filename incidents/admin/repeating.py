"""Let maintenance repeat: the rule, the dates that result, and the end of a series."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from .. import operations
from ..models import Incident
from ..recurrence import Occurrence, in_words
from ..wording import words
from .addresses import incident_page
from .base import NewsroomAdmin
from .confirm_views import confirmed
from .forms.repeating import RepeatForm
from .publishing_warnings import say_done
from .shared import actor, page, publishable

SHOWN = 10


@dataclass(frozen=True)
class Series:
    """What the page of a maintenance says of its series."""

    rule: str
    goes_on: bool
    following: list[Incident]


def series_of(incident: Incident) -> Series | None:
    if incident.series is None:
        return None
    following = list(operations.following_in_series(incident)[:SHOWN])
    return Series(in_words(incident.series.rule), incident.series.next_day is not None, following)


def repeat(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """The rule is saved once staff have seen its next dates: the form carries the rule that it has shown."""
    incident = publishable(admin, request, incident_id)
    if not operations.can_repeat(incident):
        messages.error(request, _("Only scheduled, public maintenance can be repeated."))
        return HttpResponseRedirect(incident_page(incident))
    form = RepeatForm(request.POST or None, incident=incident)
    context = {"title": _("Repeat"), "subtitle": words(incident.title), "form": form, "incident": incident}
    if form.is_bound and form.is_valid():
        rule = form.rule()
        shown = "/".join([rule.rrule, *sorted(day.isoformat() for day in rule.excluded)])
        if request.POST.get("shown") == shown and "save" in request.POST:
            try:
                operations.repeat_maintenance(incident=incident, rule=rule, by=actor(request))
            except ValidationError as refusal:
                form.add_error(None, refusal.messages[0])
            else:
                say_done(request, incident, _("It repeats: %(rule)s.") % {"rule": in_words(rule)})
                return HttpResponseRedirect(incident_page(incident))
        dates = [(one, _note(one)) for one in rule.next_occurrences(SHOWN)]
        context |= {"dates": dates, "rule": in_words(rule), "shown": shown}
    return page(admin, request, "repeat", context)


def end(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = publishable(admin, request, incident_id)

    def step() -> None:
        if operations.end_series(incident=incident, by=actor(request)):
            say_done(request, incident, _("The series ends with this maintenance."))
        else:
            messages.info(request, _("The series had ended already. Nothing was done twice."))

    what = _("This maintenance stays. What follows in the series is withdrawn, or cancelled if subscribers know of it.")
    context = {"title": _("End the series here?"), "what": what, "button": _("End the series"), "harmful": True}
    return confirmed(admin, request, incident, step, context)


def _note(occurrence: Occurrence) -> str:
    # What the change of the clocks does to it.
    if occurrence.is_skipped_time:
        return _("The clocks skip its time of day: it starts later.")
    if occurrence.is_repeated_time:
        return _("Its time of day comes twice: it starts at the first.")
    return ""
