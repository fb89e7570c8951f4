"""What maintenance does automatically: it starts and completes at its planned times, or is marked as overdue.

The scheduler calls these verbs every second. Each locks the maintenance and checks again, so that several schedulers
do no harm. After a stop of the scheduler they act late, and record the planned times.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models import Incident, Update, UpdateTemplate
from ..publishing import stale
from ..staff import rights
from ..staff.actors import Actor
from ..status import FINAL_PHASES, WORK_PHASES, Kind, Phase
from ..text import Text
from ..wording import in_each_language
from . import moves, placeholders
from .effects import named_components
from .maintenance import complete_maintenance, start_maintenance
from .recording import verb
from .updates import lock

# Used if there is no template, and in the languages that it lacks.
_TEXTS: dict[Phase, Promise] = {
    Phase.IN_PROGRESS: _("The maintenance has started."),
    Phase.COMPLETED: _("The maintenance is complete."),
}


def is_due_to_start(incident: Incident) -> bool:
    """Whether it starts automatically, should have by now, and no update of staff says or will say otherwise."""
    window = moves.window_of(incident)
    if window is None or not (incident.is_public and incident.auto_start and incident.phase == Phase.SCHEDULED):
        return False
    # An update after the planned end means that a person has to say what happened.
    return window.start <= timezone.now() and _is_left_to_scheduler(incident, before=window.end, phases=WORK_PHASES)


def is_due_to_complete(incident: Incident) -> bool:
    """Whether it completes automatically, should have by now, and no update of staff says or will say otherwise."""
    window = moves.window_of(incident)
    if window is None or not (incident.is_public and incident.auto_complete and incident.phase in WORK_PHASES):
        return False
    return window.end <= timezone.now() and _is_left_to_scheduler(incident, before=window.end, phases=FINAL_PHASES)


@verb
def start_due_maintenance(*, incident: Incident, by: Actor) -> Update | bool:
    """Start maintenance at its planned time, if it is still due. Return the update, or False.

    If it has ended by now as well, subscribers are notified of the end only.
    """
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    window, newest = moves.window_of(incident), _newest(incident)
    if window is None or newest is None or not is_due_to_start(incident):
        return False
    ends_too = incident.auto_complete and window.end <= timezone.now()
    text, at = automatic_text(incident, Phase.IN_PROGRESS), max(window.start, newest.at)
    return start_maintenance(incident=incident, text=text, at=at, notify=not ends_too, by=by)


@verb
def complete_due_maintenance(*, incident: Incident, by: Actor) -> Update | bool:
    """Complete maintenance at its planned end, if it is still due. Return the update, or False."""
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    window = moves.window_of(incident)
    if window is None or not is_due_to_complete(incident):
        return False
    text = automatic_text(incident, Phase.COMPLETED)
    return complete_maintenance(incident=incident, text=text, at=window.end, notify=True, by=by)


@transaction.atomic
def mark_overdue(*, incident: Incident) -> bool:
    """Show readers that a planned time has passed without a report. Return whether that changed."""
    incident = lock(incident)
    overdue = incident.overdue_at(timezone.now())
    if overdue == incident.overdue:
        return False
    Incident.objects.filter(pk=incident.pk).update(overdue=overdue)
    stale.mark_incident(incident, named_components(incident))
    return True


def automatic_text(incident: Incident, phase: Phase) -> Text:
    """Return the first template for the phase, in the order of staff, whose placeholders have values; see _TEXTS."""
    without_value = {"next_update"} if named_components(incident) else {"next_update", "components"}
    texts = UpdateTemplate.objects.in_order().filter(kind=Kind.MAINTENANCE, phase=phase).values_list("text", flat=True)
    template = next((text for text in texts if not placeholders.used(text) & without_value), Text())
    return in_each_language(lambda code: template.get(code) or str(_TEXTS[phase]))


def _newest(incident: Incident) -> Update | None:
    return incident.updates.public().newest_first().first()


def _is_left_to_scheduler(incident: Incident, *, before: datetime, phases: Collection[Phase]) -> bool:
    # Whether staff posted nothing after this moment, and have scheduled no update of their own for these phases.
    newest = _newest(incident)
    scheduled = incident.updates.filter(published_at=None, publish_at__isnull=False, phase__in=phases)
    return newest is not None and newest.at <= before and not scheduled.exists()
