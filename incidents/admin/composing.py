"""The composer: new incidents and maintenance, updates, and drafts."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import operations
from ..merging import Snapshot
from ..models import Incident, Update, Version
from ..models.ids import new_id
from ..operations.snapshots import NEWEST, current_statuses, of_draft, of_state
from ..operations.statements import BACKDATED
from ..staff.actors import Actor
from ..status import ComponentStatus, Kind, Phase, phases_of
from ..wording import words
from .addresses import incident_page
from .base import NewsroomAdmin
from .bringing_back import bring_back, bring_back_statuses, chosen_version, version_count
from .collisions import keeps_text, updates_since
from .editing import instead_of_published
from .forecast import forecast_of
from .form_identity import identified, identity, stored, stored_once
from .forms.components import component_rows, statuses_of, statuses_while_open, with_others
from .forms.details import OpeningForm
from .forms.statements import CHECK, PUBLISH, UpdateForm
from .last_changes import last_edit, last_update
from .publishing_warnings import why_incident_is_unwritten
from .shared import actor, changeable, page, refuse_scheduled, update_of, writer
from .timeline import timeline_of

# The status that a phase gives the components that the incident affects. What is over affects none.
STEP_STATUS = {
    Phase.RESOLVED: ComponentStatus.OPERATIONAL,
    Phase.SCHEDULED: ComponentStatus.UNDER_MAINTENANCE,
    Phase.IN_PROGRESS: ComponentStatus.UNDER_MAINTENANCE,
    Phase.COMPLETED: ComponentStatus.OPERATIONAL,
    Phase.CANCELLED: ComponentStatus.OPERATIONAL,
}


def new_incident(admin: NewsroomAdmin, request: HttpRequest) -> HttpResponse:
    if not admin.has_add_permission(request):
        raise PermissionDenied
    kind = admin.kind
    own = Update.objects.filter(incident__kind=kind, author=writer(request)).select_related("incident")
    if elsewhere := identified(request, own):
        return elsewhere
    form = opening_form(kind, request.POST or None, key=identity(request))
    if update := stored_once(request, form, own, lambda draft: store_opening(admin, request, form, draft)):
        return HttpResponseRedirect(incident_page(update.incident))
    title = _("Schedule maintenance") if kind == Kind.MAINTENANCE else _("New incident")
    context = {"title": title, "form": form, "kind": kind, "checked": form.action == CHECK}
    return page(admin, request, "compose", {**context, "hold": settings.ANNOUNCEMENT_HOLD})


def opening_form(kind: Kind, data: QueryDict | None, *, key: str = "") -> OpeningForm:
    phases = [Phase.SCHEDULED] if kind == Kind.MAINTENANCE else [p for p in phases_of(kind) if p != Phase.POSTMORTEM]
    rows = with_others(component_rows({}))
    return OpeningForm(data, kind=kind, phases=phases, rows=rows, initial={"id": key or new_id(), "phase": phases[0]})


@keeps_text
def new_update(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """`?phase=resolved` and the like preselect the phase; for an incident that is over, it reopens it."""
    incident = changeable(admin, request, incident_id)
    own = incident.updates.select_related("incident")
    if elsewhere := identified(request, own):
        return elsewhere
    reopening = incident.is_over and "reopen" in request.GET
    if reopening and not admin.may_publish(request):
        raise PermissionDenied
    phases = next_phases(incident, reopening=reopening)
    phase = Phase(request.GET["phase"]) if request.GET.get("phase") in phases else current_phase(incident, phases)
    current = statuses_while_open(incident) if reopening else current_statuses(incident)
    chosen = current if phase == incident.phase else statuses_for(phase, current)
    form = UpdateForm(
        request.POST or None,
        incident=incident,
        phases=phases,
        rows=with_others(component_rows(chosen, current), incident),
        initial={"id": identity(request), "phase": phase, "next_update_by": still_promised(incident)},
    )
    form.open_on(of_state(incident), lambda: last_update(incident))
    # What somebody else made of this form's draft is not overwritten.
    own = own.exclude(~Q(author=writer(request)), published_at=None)
    if stored_once(
        request, form, own, lambda draft: store_update(request, form, draft, None if draft else form.opened)
    ):
        return HttpResponseRedirect(incident_page(incident))
    return _compose_page(admin, request, form, reopening=reopening)


@keeps_text
def edit_draft(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    incident = changeable(admin, request, incident_id)
    draft = update_of(incident, update_id)
    if draft.is_public:
        return instead_of_published(admin, request, draft)
    refuse_scheduled(admin, request, draft)
    version = chosen_version(request, incident, draft)
    rows = component_rows(statuses_of(draft))
    form = UpdateForm(
        request.POST or None,
        incident=incident,
        phases=list(dict.fromkeys([*next_phases(incident), Phase(draft.phase)])),
        rows=with_others(bring_back_statuses(rows, version) if version else rows, incident),
        initial=draft_values(draft),
    )
    if version:
        bring_back(form, version)
    form.open_on(of_draft(draft), lambda: last_edit(draft), [NEWEST] if form.is_draft else [])
    if stored(request, form, lambda: store_update(request, form, draft, form.opened)):
        return HttpResponseRedirect(incident_page(incident))
    return _compose_page(admin, request, form, draft=draft, version=version)


def posted_update_form(incident: Incident, data: Mapping[str, Any], draft: Update | None) -> UpdateForm:
    """The form of an update or a reopening, whichever was posted, without saying what others say of the components."""
    phases = [*next_phases(incident), *next_phases(incident, reopening=True), *([draft.phase] if draft else [])]
    rows = component_rows(current_statuses(incident) | (statuses_of(draft) if draft else {}))
    return UpdateForm(data, incident=incident, phases=list(dict.fromkeys(map(Phase, phases))), rows=rows)


def store_opening(
    admin: NewsroomAdmin, request: HttpRequest, form: OpeningForm, draft: Update | None, *, by: Actor | None = None
) -> Update:
    """Start an incident, or rewrite the draft of one; `by` is the user of the request unless given."""
    by, details, statement = by or actor(request), form.details(), form.statement()
    if draft is not None:
        operations.edit_incident(incident=draft.incident, details=details, by=by)
        return operations.edit_draft(update=draft, statement=statement, by=by, draft=form.is_draft)
    verb = operations.schedule_maintenance if admin.kind == Kind.MAINTENANCE else operations.open_incident
    incident = verb(details=details, statement=statement, by=by, draft=form.is_draft)
    return incident.updates.get(pk=statement.id)


def store_update(
    request: HttpRequest,
    form: UpdateForm,
    draft: Update | None,
    opened: Snapshot | None = None,
    *,
    by: Actor | None = None,
) -> Update:
    """Add an update, or rewrite a draft, of which `opened` is what the form was opened on; `by` as above."""
    by, statement = by or actor(request), form.statement()
    _drop_promise(form, by)
    if draft is not None:
        return operations.edit_draft(update=draft, statement=statement, by=by, draft=form.is_draft, opened=opened)
    if form.incident.is_over and not statement.phase.is_final:
        if form.action != PUBLISH:
            raise ValidationError({"phase": _("An incident is reopened at once: press “Publish”.")})
        return operations.reopen(incident=form.incident, statement=statement, by=by, opened=opened)
    return operations.post_update(
        incident=form.incident, statement=statement, by=by, draft=form.is_draft, opened=opened
    )


def _drop_promise(form: UpdateForm, by: Actor) -> None:
    if form.drops_promise and form.action == PUBLISH:
        operations.edit_incident(incident=form.incident, details={"next_update_by": None}, by=by)


def _compose_page(
    admin: NewsroomAdmin,
    request: HttpRequest,
    form: UpdateForm,
    draft: Update | None = None,
    *,
    reopening: bool = False,
    version: Version | None = None,
) -> HttpResponse:
    incident = form.incident
    context: dict[str, Any] = {
        "title": _("Edit the draft") if draft else _("New update"),
        "subtitle": words(incident.title),
        "form": form,
        "incident": incident,
        "draft": draft,
        "brought_back": version,
        "versions": version_count(incident, draft) if draft else 0,
        "kind": incident.kind,
        "timeline": timeline_of(incident),
        "hold": settings.ANNOUNCEMENT_HOLD,
        "steps": json.dumps(STEP_STATUS),
        "unwritten": why_incident_is_unwritten(incident),
        "only_publish": reopening,
        "checked": form.action == CHECK,
        "forecast": forecast_of(form, incident.kind, incident) if form.action == CHECK else None,
        "published_since": updates_since(form, incident),
    }
    return page(admin, request, "compose", context)


def next_phases(incident: Incident, *, reopening: bool = False) -> list[Phase]:
    """The possible phases of an update: once the incident is over, only final ones, unless it is reopened."""
    phases = list(phases_of(Kind(incident.kind)))
    if incident.is_over:
        return [phase for phase in phases if phase.is_final != reopening and phase != Phase.SCHEDULED]
    begun = incident.is_public and incident.phase != Phase.SCHEDULED
    return [phase for phase in phases if not (begun and phase == Phase.SCHEDULED)]


def statuses_for(phase: Phase, current: Mapping[str, str]) -> Mapping[str, str]:
    """The status that this phase gives the affected components, by id."""
    status = STEP_STATUS.get(phase)
    return current if status is None else dict.fromkeys(current, status)


def still_promised(incident: Incident) -> datetime | None:
    """The promised time of the next update, unless it has passed: then this is that update."""
    promise = incident.next_update_by
    return promise if promise and promise > timezone.now() else None


def current_phase(incident: Incident, phases: list[Phase]) -> Phase:
    return Phase(incident.phase) if incident.phase in phases else phases[0]


def draft_values(draft: Update) -> dict[str, Any]:
    """The initial values for a draft; its time only if one was chosen."""
    names = ("phase", "text", "quote", "quote_language", "quote_url", "ended_at", "publish_at")
    values = {name: getattr(draft, name) for name in names}
    values["notify"] = "yes" if draft.notify else "no"
    values["next_update_by"] = draft.next_update_by or still_promised(draft.incident)
    if draft.at <= draft.created_at - BACKDATED:
        values["at"] = draft.at
    return values
