"""What publishing a form would do, for the sentence beside its buttons. Nothing is stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..labels import COMPONENT_STATUSES, PHASES
from ..models import Incident
from ..notifications.reach import reach
from ..operations import Statement, moves
from ..operations.statements import TOLERANCE
from ..status import ComponentStatus, Kind, Phase
from ..text import Text
from ..wording import language_name, moment, passage, words
from . import maintenance_warnings
from .base import NewsroomAdmin
from .forms.components import ComponentRow
from .forms.statements import StatementForm

_OPERATIONAL = ComponentStatus.OPERATIONAL


@dataclass(frozen=True)
class Forecast:
    """What will happen: when, who is notified, what readers see; and what is likely an oversight."""

    notifies: bool
    publish_at: datetime | None
    reach: str
    readers: str
    warnings: list[str] = field(default_factory=list)
    hold: int = 0
    lead: str = ""  # instead of what “Publish” does

    def as_json(self) -> JsonResponse:
        return JsonResponse({"html": render_to_string("admin/newsroom/_forecast.html", {"forecast": self})})


def reach_of(admin: NewsroomAdmin, request: HttpRequest, incident: Incident | None) -> JsonResponse:
    """A sentence that says how many people an update of the components in `?component=` would reach."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    return JsonResponse({"reach": reach(admin.kind, request.GET.getlist("component"), incident)})


def forecast_of(form: StatementForm, kind: str, incident: Incident | None, *, notifies: bool | None = None) -> Forecast:
    """Return what "Publish" or "Schedule" would do with the form as it is; it need not be valid.

    `notifies` says whether subscribers are notified if that has been decided already.
    """
    form.is_valid()
    given = form.cleaned_data
    phase = Phase(given.get("phase") or form["phase"].initial or form.fields["phase"].choices[0][0])  # type: ignore[attr-defined]
    notifies = _notifies(form, phase, incident) if notifies is None else notifies
    chosen = [row.component.pk for row in form.rows if given.get(row.field_name)]
    return Forecast(
        notifies=notifies,
        publish_at=given.get("publish_at"),
        reach=reach(kind, chosen, incident) if notifies else "",
        readers=_readers(form, phase, incident),
        warnings=list(_warnings(form, phase, kind, incident)),
        hold=settings.ANNOUNCEMENT_HOLD,
    )


def _notifies(form: StatementForm, phase: Phase, incident: Incident | None) -> bool:
    given = form.cleaned_data
    opening = incident is None or not (incident.is_public or incident.is_withdrawn)
    statement = Statement(phase=phase, notify=form.notify_choice(), at=given.get("at"), ended_at=given.get("ended_at"))
    return statement.should_notify(opening=opening)


def _readers(form: StatementForm, phase: Phase, incident: Incident | None) -> str:
    # The phase and the components as readers will see them.
    at = form.cleaned_data.get("at")
    newest = incident.updates.public().newest_first().first() if incident else None
    if at is not None and newest is not None and at < newest.at:
        pattern = _("It appears among the earlier updates ({time}); the phase stays “{phase}”.")
        return format_html(pattern, time=moment(at), phase=PHASES[Phase(newest.phase)])
    shown = [] if phase == Phase.SCHEDULED else [one for row in form.rows if (one := _shown(form, row, phase))]
    if shown:
        return _("Readers see “%(phase)s” (%(components)s).") % {"phase": PHASES[phase], "components": "; ".join(shown)}
    return _("Readers see “%(phase)s”.") % {"phase": PHASES[phase]}


def _shown(form: StatementForm, row: ComponentRow, phase: Phase) -> str:
    chosen = form.cleaned_data.get(row.field_name)
    if not chosen:
        return ""
    outlook = row.outlook(chosen, phase)
    status = outlook.result if outlook else _OPERATIONAL if phase.is_final else ComponentStatus(chosen)
    return f"{words(row.component.name)}: {COMPONENT_STATUSES[status]}"


def _warnings(form: StatementForm, phase: Phase, kind: str, incident: Incident | None) -> Iterator[str]:
    if incident is not None and incident.is_withdrawn:
        yield _("This incident is withdrawn. Publish it again first, or save a draft.")
    yield from _wrong_times(form, kind, incident)
    yield from _untranslated(form, incident)
    if kind == Kind.MAINTENANCE and (incident is None or not incident.is_public):
        yield from _unlikely_window(form, incident)
    if phase != Phase.SCHEDULED:
        for row in form.rows:
            yield from _oversights(form, row, phase, incident)


def _unlikely_window(form: StatementForm, incident: Incident | None) -> Iterator[str]:
    # Of maintenance that is not public yet: the planned time in the form, or the one stored with the draft.
    window = moves.moved_window(incident or Incident(), form.cleaned_data)
    chosen = [row.component.pk for row in form.rows if form.cleaned_data.get(row.field_name)]
    if window is not None:
        yield from maintenance_warnings.warnings_of(window, chosen, incident, form.cleaned_data)


def _wrong_times(form: StatementForm, kind: str, incident: Incident | None) -> Iterator[str]:
    given: dict[str, Any] = form.cleaned_data
    for name in ("at", "ended_at", "publish_at", "started_at"):
        if name in form.fields:
            yield from (f"{form[name].label}: {error}" for error in form.errors.get(name, []))
    publish_at, started_at = given.get("publish_at"), incident.started_at if incident else given.get("started_at")
    if publish_at is not None and publish_at <= timezone.now():
        yield _("This time has passed. Publish now or choose a later time.")
    if kind == Kind.MAINTENANCE or started_at is None:
        return
    for name in ("at", "ended_at"):
        if (time := given.get(name)) is not None and time < started_at - TOLERANCE:
            pattern = _("{label}: {time} is before the incident began ({start}).")
            yield format_html(pattern, label=form[name].label, time=moment(time), start=moment(started_at))


def _untranslated(form: StatementForm, incident: Incident | None) -> Iterator[str]:
    title = incident.title if incident else form.cleaned_data.get("title")
    return missing_translations([form.cleaned_data.get("text"), title])


def missing_translations(texts: Iterable[Text | None]) -> Iterator[str]:
    """A sentence per language that one of the texts lacks."""
    codes = [code for code, _name in settings.LANGUAGES]
    missing = {code for text in texts if text for code in text.missing(codes)}
    for code in sorted(missing):
        pattern = _("Not everything is translated into %(language)s. Readers see the other language, marked as such.")
        yield pattern % {"language": language_name(code)}


def _oversights(
    form: StatementForm, row: ComponentRow, phase: Phase, incident: Incident | None
) -> Iterator[SafeString]:
    # A component that a final update leaves in outage, or that something else affects too.
    chosen = form.cleaned_data.get(row.field_name)
    if not chosen and not row.said:
        return
    name = passage(row.component.name)
    if phase.is_final and incident is not None and chosen and chosen != _OPERATIONAL:
        pattern = _("{component} is still set to “{status}”, although this is the final update.")
        yield format_html(pattern, component=name, status=COMPONENT_STATUSES[ComponentStatus(chosen)])
    if row.others and (outlook := row.outlook(chosen or "", phase)):
        if outlook.stays:
            yield row.others[0].stays_for([row.component])
        else:
            pattern = _("Something else affects {component} already: {reason}.")
            yield format_html(pattern, component=name, reason=row.others[0].because)
