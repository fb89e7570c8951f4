"""Verbs for incidents: open, edit, resolve, reopen, undo, withdraw, publish again."""

from datetime import datetime
from itertools import takewhile
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import Incident, Update
from ..publishing import stale
from ..staff import rights
from ..staff.actors import Actor
from ..status import ComponentStatus, Kind, Phase
from ..text import Text
from . import moves, report, snapshots, versions
from .effects import follow_claims, follow_timeline, named_components
from .notifying import cancel_announcements_of, withdraw_announcements_of
from .recording import verb
from .statements import Details, Statement, check_details, check_statement, in_utc
from .statuses import rebuild_statuses
from .updates import add_update, lock


@verb
def open_incident(*, details: Details, statement: Statement, by: Actor, draft: bool = False) -> Incident:
    """Create an incident with its first update. Raises ValidationError by field; then nothing is stored."""
    check_new(Kind.INCIDENT, by=by, draft=draft)
    started = details.get("started_at") or statement.at or timezone.now()
    incident = Incident(kind=Kind.INCIDENT)
    set_fields(incident, {**details, "started_at": started})
    return store_new(incident, statement, by=by, draft=draft)


@verb
def edit_incident(
    *,
    incident: Incident,
    details: Details,
    by: Actor,
    opened: Snapshot | None = None,
) -> Incident:
    """Change the fields in `details`. Public pages are published again; no message is sent about it.

    Only component statuses that it changes are posted to webhooks. Raises Collision if its form was opened on
    other details.
    """
    incident = lock(incident)
    by.needs(rights.edit(incident))
    before = versions.details_now(incident)
    snapshots.check_unchanged(opened, before.snapshot)
    change_details(incident, details)
    versions.record_details(incident, before, by)
    return incident


def change_details(incident: Incident, details: Details) -> None:
    """Change the fields of a locked incident, as `edit_incident` does, without keeping a version."""
    before, headline, planned = (incident.started_at, incident.ended_at), _headline(incident), moves.window_of(incident)
    set_fields(incident, dict(details))
    if incident.phase == Phase.SCHEDULED and incident.scheduled_for is not None:
        incident.started_at = incident.scheduled_for  # until the work actually starts
    check_details(incident)
    if incident.is_public and headline != _headline(incident):
        incident.revised_at = timezone.now()
    incident.overdue = incident.overdue_at(timezone.now())
    incident.save()
    moves.follow_edit(incident, planned)
    report.record_edit(incident)
    if incident.ended_at != before[1]:
        _restate_end(incident)
    if (incident.started_at, incident.ended_at) != before:
        follow_claims(incident, before[0])
    stale.mark_incident(incident, named_components(incident), former_start=before[0])


def _headline(incident: Incident) -> tuple[Text, datetime | None, datetime | None]:
    # What entries of feeds show of the incident itself.
    return incident.title, incident.scheduled_for, incident.scheduled_until


def _restate_end(incident: Incident) -> None:
    # The updates since it was over state the end; it is derived from them again after the next update.
    timeline = incident.updates.filter(published_at__isnull=False).newest_first()
    final = [update.pk for update in takewhile(lambda update: update.is_final, timeline)]
    incident.updates.filter(pk__in=final).update(ended_at=incident.ended_at)


@verb
def resolve(
    *,
    incident: Incident,
    text: Text,
    quote: str = "",
    quote_language: str = "",
    quote_url: str = "",
    at: datetime | None = None,
    ended_at: datetime | None = None,
    notify: bool | None = None,
    by: Actor,
) -> Update:
    """Post the final update: phase resolved. The components keep a status only if something else affects them."""
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    statement = Statement(
        phase=Phase.RESOLVED,
        text=text,
        quote=quote,
        quote_language=quote_language,
        quote_url=quote_url,
        components=dict.fromkeys(named_components(incident), ComponentStatus.OPERATIONAL),
        at=at,
        ended_at=ended_at,
        notify=notify,
    )
    check_statement(incident, statement, draft=False)
    return add_update(incident, statement, by=by, draft=False)


@verb
def reopen(*, incident: Incident, statement: Statement, by: Actor, opened: Snapshot | None = None) -> Update:
    """Go back from a final phase to an open one; the end time is cleared. Raises Collision as `post_update` does."""
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    if opened is not None:
        snapshots.check_unchanged(opened, snapshots.of_state(incident))
    if not incident.is_over:
        raise ValidationError({"phase": _("The incident is not over.")})
    if statement.phase.is_final:
        raise ValidationError({"phase": _("Choose the phase in which the incident is open again.")})
    check_statement(incident, statement, draft=False, reopening=True)
    return add_update(incident, statement, by=by, draft=False)


@verb
def withdraw(*, incident: Incident, by: Actor) -> Incident:
    """Remove an incident from everything public; no more messages about it are sent.

    Its claims on components no longer count (webhooks are notified of the statuses that this
    changes), and scheduled updates become drafts. The updates
    themselves stay, so that `publish_again` can restore them.
    """
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    if not incident.is_public:
        raise ValidationError(_("This incident is not public."))
    incident.published_at, incident.withdrawn_at = None, timezone.now()
    incident.save()
    withdraw_announcements_of(incident)
    stale.mark_incident(incident, follow_claims(incident, incident.started_at))
    incident.updates.filter(published_at=None).update(publish_at=None)
    return incident


@verb
def publish_again(*, incident: Incident, by: Actor) -> Incident:
    """Restore a withdrawn incident with its original times. Only webhooks are notified, of component statuses."""
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    if not incident.is_withdrawn:
        raise ValidationError(_("This incident is not withdrawn."))
    incident.published_at, incident.withdrawn_at = timezone.now(), None
    incident.save()
    stale.mark_incident(incident, follow_claims(incident, incident.started_at))
    return incident


@verb
def undo_update(*, update: Update, by: Actor) -> Update:
    """Turn a published update back into a draft, while its announcement is held.

    Its effects on phase, promised time and components are reverted, and an incident that it
    opened becomes a draft again. Raises ValidationError once subscribers are being notified.
    """
    by.needs(rights.publish(update.incident.kind))
    incident = lock(update.incident)
    update = Update.objects.select_for_update().get(pk=update.pk)
    update.incident = incident
    if not update.is_public or not cancel_announcements_of(update):
        raise ValidationError(_("Too late: subscribers are being notified, or this was undone already."))
    named, started_at = named_components(incident), incident.started_at
    update.published_at = None
    update.report = {name: entry for name, entry in update.report.items() if name == report.MOVED}
    moves.revert(update, incident)
    update.save()
    _follow_what_is_left(incident)
    rebuild_statuses(components=named, since=min(started_at, incident.started_at), announce=True)
    stale.mark_incident(incident, named, former_start=started_at)
    return update


def _follow_what_is_left(incident: Incident) -> None:
    # Set the incident to what its remaining public updates say; without any it is a draft.
    newest = incident.updates.filter(published_at__isnull=False).newest_first().first()
    if newest is None:
        incident.published_at = None
    incident.next_update_by = newest.next_update_by if newest else None
    follow_timeline(incident)


def check_new(kind: Kind, *, by: Actor, draft: bool) -> None:
    """Raise PermissionDenied unless the actor may start an incident of that kind, and publish it unless a draft."""
    by.needs(rights.add(kind))
    if not draft:
        by.needs(rights.publish(kind))


def store_new(incident: Incident, statement: Statement, *, by: Actor, draft: bool) -> Incident:
    """Save an incident with its first update, public or as a draft. Call inside a transaction."""
    incident.phase = statement.phase if not statement.phase.is_final else Phase(incident.phase)
    check_details(incident)
    check_statement(Incident(kind=incident.kind, started_at=incident.started_at, id=""), statement, draft=draft)
    incident.save()
    add_update(incident, statement, by=by, draft=draft)
    return incident


def set_fields(incident: Incident, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(incident, name, in_utc(value))
