"""Verbs on incidents: open, edit, resolve, reopen, take back, withdraw."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import AffectedComponent, Component, Incident, StatusChange, Update
from ..publishing import stale
from ..status import ComponentStatus, Kind, Phase, worst_of
from ..text import Text
from .effects import change_components, follow_phase, refresh_status
from .notifying import cancel_announcements_of, withdraw_announcements_of
from .statements import Details, Statement, check_details, check_statement
from .updates import User, add_update, lock


@transaction.atomic
def open_incident(*, details: Details, statement: Statement, by: User = None, draft: bool = False) -> Incident:
    """A new incident with its first update. Raises ValidationError by field, and then nothing is stored."""
    started = details.get("started_at") or statement.at or timezone.now()
    incident = Incident(kind=Kind.INCIDENT, **{**details, "started_at": started})
    return store_new(incident, statement, by=by, draft=draft)


@transaction.atomic
def edit_incident(*, incident: Incident, details: Details, by: User = None) -> Incident:  # noqa: ARG001 - audit log
    """Changes the fields that `details` names. What was public is published anew; nobody is told."""
    incident = lock(incident)
    stale.mark_incident(incident)  # also where it used to stand: its old month
    set_fields(incident, dict(details))
    if incident.phase == Phase.SCHEDULED and incident.scheduled_for is not None:
        incident.started_at = incident.scheduled_for  # until the work really begins
    check_details(incident)
    incident.save()
    stale.mark_incident(incident)
    return incident


@transaction.atomic
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
    by: User = None,
) -> Update:
    """The final update: phase resolved, every component the incident touched operational again."""
    incident = lock(incident)
    statement = Statement(
        phase=Phase.RESOLVED,
        text=text,
        quote=quote,
        quote_language=quote_language,
        quote_url=quote_url,
        components=released(incident, touched_components(incident)),
        at=at,
        ended_at=ended_at,
        notify=notify,
    )
    check_statement(incident, statement, draft=False)
    return add_update(incident, statement, by=by, draft=False)


@transaction.atomic
def reopen(*, incident: Incident, statement: Statement, by: User = None) -> Update:
    """Back from a finished phase to an unfinished one; the end is taken back."""
    incident = lock(incident)
    if not incident.is_over:
        raise ValidationError({"phase": _("The incident is not over.")})
    if statement.phase.is_final:
        raise ValidationError({"phase": _("Choose the phase in which the incident is open again.")})
    check_statement(incident, statement, draft=False, reopening=True)
    return add_update(incident, statement, by=by, draft=False)


@transaction.atomic
def withdraw(*, incident: Incident, by: User = None) -> Incident:  # noqa: ARG001 - who it was goes to the audit log
    """Takes an incident off everything public, and nobody more is told of it.

    What its updates did to components is taken back with it, and what was scheduled
    becomes a draft. The updates themselves stay as they were: see `publish_again`.
    """
    incident = lock(incident)
    if not incident.is_public:
        raise ValidationError(_("This incident is not public."))
    stale.mark_incident(incident)
    incident.published_at, incident.withdrawn_at = None, timezone.now()
    incident.save()
    withdraw_announcements_of(incident)
    _take_back_statuses(StatusChange.objects.filter(update__incident=incident))
    incident.updates.filter(published_at=None).update(publish_at=None)
    return incident


@transaction.atomic
def publish_again(*, incident: Incident, by: User = None) -> Incident:  # noqa: ARG001 - who it was goes to the audit log
    """Brings a withdrawn incident back as it was, with its times; nobody is told."""
    incident = lock(incident)
    if not incident.is_withdrawn:
        raise ValidationError(_("This incident is not withdrawn."))
    incident.published_at, incident.withdrawn_at = timezone.now(), None
    incident.save()
    for update in incident.updates.filter(published_at__isnull=False).order_by("at", "created_at", "id"):
        change_components(update)
    stale.mark_incident(incident)
    return incident


def _take_back_statuses(changes: "QuerySet[StatusChange]") -> None:
    touched = list(Component.objects.select_for_update().filter(pk__in=changes.values("component")).order_by("id"))
    changes.delete()
    for component in touched:
        refresh_status(component)


@transaction.atomic
def take_back(*, update: Update, by: User = None) -> Update:  # noqa: ARG001 - who it was goes to the audit log
    """Makes a draft again of an update that nobody was told of yet: as long as its announcement is held.

    What it did to phase, promise and components is undone, and an incident that it opened is
    a draft again. Raises ValidationError where subscribers are being told already.
    """
    incident = lock(update.incident)
    update = Update.objects.select_for_update().get(pk=update.pk)
    update.incident = incident
    if not update.is_public or not cancel_announcements_of(update):
        raise ValidationError(_("Too late: subscribers are being told, or it was taken back already."))
    stale.mark_incident(incident)
    update.published_at = None
    update.save()
    _take_back_statuses(StatusChange.objects.filter(update=update))
    _go_back(incident)
    stale.mark_incident(incident)
    return update


def _go_back(incident: Incident) -> None:
    """To where the newest of the updates that are left has it; without one it is a draft."""
    newest = incident.updates.filter(published_at__isnull=False).newest_first().first()
    if newest is None:
        incident.published_at = None
    elif newest.phase == Phase.SCHEDULED and incident.scheduled_for is not None:
        incident.started_at = incident.scheduled_for
    incident.next_update_by = newest.next_update_by if newest else None
    follow_phase(incident)


def touched_components(incident: Incident) -> list[str]:
    """Ids of the components that the incident's public updates named, in a fixed order."""
    return list(
        Component.objects.filter(affected__update__incident=incident, affected__update__published_at__isnull=False)
        .order_by("id")
        .distinct()
        .values_list("id", flat=True)
    )


def released(incident: Incident, components: list[str]) -> dict[str, ComponentStatus]:
    """The status of each component once this incident lets go of it: the worst that another open one gave it."""
    others = Incident.objects.public().ongoing().exclude(pk=incident.pk)
    given = AffectedComponent.objects.filter(
        component__in=components, update__incident__in=others, update__published_at__isnull=False
    ).order_by("update__at", "update__created_at", "update_id")
    newest = {(row.update.incident_id, row.component_id): row.status for row in given.select_related("update")}
    return {
        key: worst_of(status for (_incident, component), status in newest.items() if component == key)
        for key in components
    }


def store_new(incident: Incident, statement: Statement, *, by: User, draft: bool) -> Incident:
    """Saves an incident and its first update, public or as a draft; the caller holds the transaction."""
    incident.phase = statement.phase if not statement.phase.is_final else Phase(incident.phase)
    check_details(incident)
    check_statement(Incident(kind=incident.kind, started_at=incident.started_at, id=""), statement, draft=draft)
    incident.save()
    add_update(incident, statement, by=by, draft=draft)
    incident.refresh_from_db()
    return incident


def set_fields(incident: Incident, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(incident, name, value)
