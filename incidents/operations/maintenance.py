"""Verbs for planned maintenance: schedule, move, start, complete, cancel."""

from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import Announcement, Incident, Update
from ..staff import rights
from ..staff.actors import Actor
from ..status import WORK_PHASES, ComponentStatus, Impact, Kind, Phase
from ..text import Text
from . import moves, snapshots, versions
from .effects import named_components
from .incidents import change_details, check_new, set_fields, store_new, undo_update
from .recording import verb
from .reminders import default_reminders
from .statements import Details, Move, Statement, Window, check_details, check_statement
from .updates import add_update, discard_draft, lock

_WINDOW = ("scheduled_for", "scheduled_until")


@verb
def schedule_maintenance(*, details: Details, statement: Statement, by: Actor, draft: bool = False) -> Incident:
    """Schedule maintenance. The statement's components are those that it will affect once it starts."""
    check_new(Kind.MAINTENANCE, by=by, draft=draft)
    fields: Details = {**default_reminders(), **details, "impact": Impact.MAINTENANCE}  # type: ignore[typeddict-item]
    if start := details.get("scheduled_for"):
        fields["started_at"] = start
    incident = Incident(kind=Kind.MAINTENANCE, phase=Phase.SCHEDULED)
    set_fields(incident, dict(fields))
    return store_new(incident, statement, by=by, draft=draft)


@verb
def move_maintenance(
    *,
    incident: Incident,
    details: Details,
    text: Text | None = None,
    by: Actor,
    opened: Snapshot | None = None,
) -> Update | None:
    """Change the planned time, and notify subscribers of the former and the new time with an update.

    `details` has the new start or end, and other fields to change; `text` follows the times. To move it without
    notifying anybody, use `edit_incident`. If an update about an earlier move is still held, this one replaces it, so
    that one message is sent; None if that restores the time that subscribers know.

    Raises Collision if its form was opened on other details.
    """
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    earlier = versions.details_now(incident)
    snapshots.check_unchanged(opened, earlier.snapshot)
    _check_movable(incident)
    after = moves.moved_window(incident, details)
    if after == moves.window_of(incident):
        raise ValidationError({"scheduled_for": _("The maintenance has this planned time already.")})
    others: dict[str, Any] = {name: value for name, value in details.items() if name not in _WINDOW}
    _take_back_held_move(incident, by)
    incident = lock(incident)
    change_details(incident, cast("Details", others))
    update = _post_move(incident, after, text, by)
    versions.record_details(incident, earlier, by)
    return update


@verb
def move_planned_end(*, incident: Incident, known: datetime, until: datetime, by: Actor) -> Update | None:
    """Extend the maintenance, or let it end earlier, and notify subscribers.

    `known` is the planned end that staff saw. Raises ValidationError if it is another one now.
    """
    incident = lock(incident)
    if incident.scheduled_until != known:
        raise ValidationError(_("The planned end was changed in the meantime. Nothing was done; see what it is now."))
    return move_maintenance(incident=incident, details={"scheduled_until": until}, by=by)


def _post_move(incident: Incident, after: Window | None, text: Text | None, by: Actor) -> Update | None:
    # The update that states the new time and moves the maintenance; None if that is its time already.
    before = moves.window_of(incident)
    if before is None or after is None or before == after:
        return None
    _check_window(incident, after)
    move = Move(before, after)
    said = moves.announced_text(move, text or Text())
    statement = Statement(phase=Phase(incident.phase), text=said, notify=True, move=move)
    check_statement(incident, statement, draft=False)
    return add_update(incident, statement, by=by, draft=False)


def _check_movable(incident: Incident) -> None:
    if not incident.is_maintenance or not incident.is_public or incident.is_over:
        raise ValidationError(_("Only public maintenance that is not over can be moved."))


def _check_window(incident: Incident, window: Window) -> None:
    moved = copy(incident)
    moved.scheduled_for, moved.scheduled_until = window.start, window.end
    check_details(moved)
    if window.end <= timezone.now():
        raise ValidationError({"scheduled_until": _("This time has passed. Choose a later one.")})


def held_move(incident: Incident) -> Move | None:
    """Return the move that the newest update states, if nobody has been notified of it yet."""
    newest = _held_move(incident)
    return moves.move_of(newest) if newest else None


def _held_move(incident: Incident) -> Update | None:
    newest = incident.updates.public().newest_first().first()
    if newest is None or moves.move_of(newest) is None:
        return None
    return newest if Announcement.objects.held_for_all(newest).exists() else None


def _take_back_held_move(incident: Incident, by: Actor) -> None:
    # Undo the newest update if it is a move of which nobody has been notified yet.
    if newest := _held_move(incident):
        with suppress(ValidationError):  # released just now
            discard_draft(update=undo_update(update=newest, by=by), by=by)


@verb
def start_maintenance(
    *, incident: Incident, text: Text, at: datetime | None = None, notify: bool | None = None, by: Actor
) -> Update:
    """The work starts, or started `at` a time before: the affected components are under maintenance."""
    return _change_phase(incident, Phase.IN_PROGRESS, text, {Phase.SCHEDULED}, at=at, notify=notify, by=by)


@verb
def complete_maintenance(
    *, incident: Incident, text: Text, at: datetime | None = None, notify: bool | None = None, by: Actor
) -> Update:
    """The work is done, or was `at` a time before: the components are operational again."""
    return _change_phase(incident, Phase.COMPLETED, text, set(WORK_PHASES), at=at, notify=notify, by=by)


@verb
def cancel_maintenance(*, incident: Incident, text: Text, notify: bool | None = None, by: Actor) -> Update:
    """The work is cancelled or aborted; the components are operational again."""
    allowed = {Phase.SCHEDULED, *WORK_PHASES}
    return _change_phase(incident, Phase.CANCELLED, text, allowed, notify=notify, by=by)


@transaction.atomic
def _change_phase(
    incident: Incident,
    phase: Phase,
    text: Text,
    allowed_from: set[Phase],
    *,
    at: datetime | None = None,
    notify: bool | None,
    by: Actor,
) -> Update:
    by.needs(rights.publish(incident.kind))
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
    statement = Statement(phase=phase, text=text, components=components, at=at, notify=notify)
    check_statement(incident, statement, draft=False)
    return add_update(incident, statement, by=by, draft=False)
