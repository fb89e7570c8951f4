"""Opens and changes incidents and maintenance as a program says, by API, command or MCP."""

from .. import operations
from ..merging import Snapshot
from ..models import Incident
from ..operations.statements import Details
from ..staff.actors import Actor
from ..status import Kind
from ..text import Text
from . import schemas, statements


def open_incident(given: schemas.GivenIncident, by: Actor) -> Incident:
    """Open an incident or schedule maintenance. Raises ValidationError and PermissionDenied."""
    kind = statements.kind_of(given)
    statuses = statements.statuses_of(given, kind)
    details: Details = {"title": Text(), **statements.details_of(given, kind)}
    phase = statements.opening_phase(given, kind)
    statement = statements.statement_of(given, phase, statuses)
    if kind == Kind.MAINTENANCE:
        verb = operations.schedule_maintenance
    else:
        verb, details["impact"] = operations.open_incident, statements.impact_of(given, statuses)
        if statement.at:
            details["started_at"] = statement.at
    return verb(details=details, statement=statement, by=by, draft=given.draft)


def change_incident(
    incident: Incident, given: schemas.GivenIncident, by: Actor, opened: Snapshot | None = None
) -> Incident:
    """Change an incident and add the update that the body has. Raises ValidationError and PermissionDenied.

    Raises Collision if the update was written for another state of the incident than `opened`.
    """
    kind = Kind(incident.kind)
    details = statements.details_of(given, kind, incident.title)
    moved = {name for name in ("scheduled_for", "scheduled_until") if name in details}
    is_moved = any(details[name] != getattr(incident, name) for name in moved)
    if is_moved and incident.is_public and given.deliver_notifications is not False:
        operations.move_maintenance(incident=incident, details=details, by=by)
        incident.refresh_from_db()
    elif details:
        incident = operations.edit_incident(incident=incident, details=details, by=by)
    if statements.adds_update(given, incident):
        phase = statements.next_phase(given, incident)
        statement = statements.statement_of(given, phase, statements.statuses_of(given, kind))
        if incident.is_over and not phase.is_final and not given.draft:
            update = operations.reopen(incident=incident, statement=statement, by=by, opened=opened)
        else:
            update = operations.post_update(
                incident=incident, statement=statement, by=by, draft=given.draft, opened=opened
            )
        incident = update.incident
    return incident
