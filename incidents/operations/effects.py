"""The effects of publishing an update: statuses, stale documents, the announcement."""

from datetime import datetime

from django.utils import timezone

from ..models import AffectedComponent, Component, Incident, StatusChange, Update
from ..notifications.outbox import announce
from ..publishing import stale
from ..status import ComponentStatus, Phase
from . import placeholders


def make_public(update: Update) -> None:
    """Publish a stored update. Call inside a transaction that has locked the incident."""
    incident, now = update.incident, timezone.now()
    stale.mark_incident(incident)  # its current month, too: maintenance that starts can move to another one
    if update.publish_at is not None:
        update.at, update.publish_at = min(update.publish_at, now), None
    update.published_at = now
    _update_promise(incident, update, now)
    placeholders.fill(update)
    update.save()
    incident.published_at = incident.published_at or now
    follow_phase(incident)
    change_components(update)
    stale.mark_incident(incident)
    if update.notify:
        announce(update)


def _update_promise(incident: Incident, update: Update, now: datetime) -> None:
    # A new promised time replaces the earlier one; one that has passed is cleared.
    if update.next_update_by is not None:
        incident.next_update_by = update.next_update_by
    elif incident.next_update_by is not None and incident.next_update_by <= now:
        incident.next_update_by = None


def follow_phase(incident: Incident) -> None:
    """Set the incident's phase and times to those of its newest public update."""
    newest = incident.updates.filter(published_at__isnull=False).newest_first().first()
    if newest is not None:
        incident.phase = newest.phase
        if newest.phase == Phase.IN_PROGRESS:
            incident.started_at = newest.at
        if not incident.is_over:
            incident.ended_at = None
        elif newest.ended_at is not None or incident.ended_at is None:
            incident.ended_at = newest.ended_at or newest.at
            incident.next_update_by = None
    incident.save()


def record_status(component: Component, status: ComponentStatus | str, *, at: datetime, update: Update | None) -> None:
    """Record a status change; the component's current status is that of its newest record."""
    StatusChange.objects.create(component=component, status=status, at=at, update=update)
    refresh_status(component)


def refresh_status(component: Component) -> None:
    newest = component.status_changes.order_by("-at", "-id").first()
    component.status = newest.status if newest else ComponentStatus.OPERATIONAL
    component.save(update_fields=["status", "updated_at"])
    stale.mark_component(component)


def change_components(update: Update) -> None:
    """Set the components to the statuses of the update, as of its time."""
    if update.phase == Phase.SCHEDULED:  # scheduled maintenance affects components only once it starts
        return
    rows = AffectedComponent.objects.filter(update=update).select_related("component").order_by("component_id")
    # Locked in the order of their ids, so that two updates cannot deadlock.
    locked = Component.objects.select_for_update().in_bulk([row.component_id for row in rows])
    for row in rows:
        component = locked[row.component_id]
        row.old_status = component.status
        row.save(update_fields=["old_status"])
        record_status(component, row.status, at=update.at, update=update)
