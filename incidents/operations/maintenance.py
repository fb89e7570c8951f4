"""Verbs for planned maintenance: schedule, start, complete, cancel."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..models import Incident, Update
from ..status import ComponentStatus, Impact, Kind, Phase
from ..text import Text
from .effects import named_components
from .incidents import set_fields, store_new
from .statements import Details, Statement, check_statement
from .updates import User, add_update, lock


@transaction.atomic
def schedule_maintenance(*, details: Details, statement: Statement, by: User = None, draft: bool = False) -> Incident:
    """Schedule maintenance. The statement's components are those that it will affect once it starts."""
    fields: Details = {**details, "impact": Impact.MAINTENANCE}
    if start := details.get("scheduled_for"):
        fields["started_at"] = start
    incident = Incident(kind=Kind.MAINTENANCE, phase=Phase.SCHEDULED)
    set_fields(incident, dict(fields))
    return store_new(incident, statement, by=by, draft=draft)


def start_maintenance(*, incident: Incident, text: Text, notify: bool | None = None, by: User = None) -> Update:
    """The work starts: the affected components are under maintenance."""
    return _change_phase(incident, Phase.IN_PROGRESS, text, {Phase.SCHEDULED}, notify=notify, by=by)


def complete_maintenance(*, incident: Incident, text: Text, notify: bool | None = None, by: User = None) -> Update:
    """The work is done: the components are operational again."""
    return _change_phase(incident, Phase.COMPLETED, text, {Phase.IN_PROGRESS, Phase.VERIFYING}, notify=notify, by=by)


def cancel_maintenance(*, incident: Incident, text: Text, notify: bool | None = None, by: User = None) -> Update:
    """The work is cancelled or aborted; the components are operational again."""
    allowed = {Phase.SCHEDULED, Phase.IN_PROGRESS, Phase.VERIFYING}
    return _change_phase(incident, Phase.CANCELLED, text, allowed, notify=notify, by=by)


@transaction.atomic
def _change_phase(
    incident: Incident,
    phase: Phase,
    text: Text,
    allowed_from: set[Phase],
    *,
    notify: bool | None,
    by: User,
) -> Update:
    incident = lock(incident)
    if incident.phase not in allowed_from:
        words = _("From “%(phase)s” this step is not possible.")
        raise ValidationError({"phase": ValidationError(words, params={"phase": incident.get_phase_display()})})
    if phase == Phase.IN_PROGRESS:
        components = dict.fromkeys(named_components(incident), ComponentStatus.UNDER_MAINTENANCE)
    elif incident.phase == Phase.SCHEDULED:
        components = {}  # work that never started has changed no component
    else:
        components = dict.fromkeys(named_components(incident), ComponentStatus.OPERATIONAL)
    statement = Statement(phase=phase, text=text, components=components, notify=notify)
    check_statement(incident, statement, draft=False)
    return add_update(incident, statement, by=by, draft=False)
