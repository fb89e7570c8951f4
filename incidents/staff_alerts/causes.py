"""What waits for a person now. Computed, not stored, so that the list in the newsroom is always current."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery

from ..models import AlertGroup, AlertKind, Incident, StaffAlert, StaleSubject, Update
from ..notifications.monitoring import stops
from ..status import FINAL_PHASES, Kind, Phase

SILENT_HOURS = (24, 12, 6, 3)
OLD_DRAFT = timedelta(days=1)
# The scheduler starts and completes maintenance within seconds. After this time it could not, or must not.
_NOT_REPORTED = timedelta(minutes=1)
_MOST = 200  # of a kind; more at once are no help


def causes(now: datetime, kinds: Collection[Kind] = tuple(Kind)) -> list[StaffAlert]:
    """Return alerts that are not stored, the most urgent first, of incidents or maintenance or both.

    The number of queries does not depend on the number of incidents.
    """
    found = [*_stopped(now), *_late(now, kinds), *_old_drafts(now, kinds), *_of_alert_rules(kinds)]
    return sorted(found, key=lambda alert: (list(AlertKind).index(AlertKind(alert.kind)), alert.since))


def _stopped(now: datetime) -> list[StaffAlert]:
    unpublished = StaleSubject.objects.late(now - stops.STOPPED_AFTER)
    since = {
        AlertKind.PUBLISHING_STOPPED: unpublished.order_by("since").values_list("since", flat=True).first(),
        AlertKind.EMAILS_STOPPED: stops.emails_stopped_since(now),
        AlertKind.WEBHOOKS_STOPPED: stops.posts_stopped_since(now),
    }
    return [StaffAlert(kind=kind, since=moment) for kind, moment in since.items() if moment is not None]


def _of_alert_rules(kinds: Collection[Kind]) -> list[StaffAlert]:
    # What alerts from monitoring have led to, and a person has to decide.
    if Kind.INCIDENT not in kinds:
        return []
    is_draft = Q(incident__isnull=False, incident__published_at=None, incident__withdrawn_at=None)
    groups = AlertGroup.objects.open().filter(~Q(failure="") | is_draft & Q(latest_update__isnull=False))
    return [
        StaffAlert(kind=AlertKind.RULE_FAILED, since=one.firing_since, detail=one.rule_id)
        if one.failure
        else StaffAlert(
            kind=AlertKind.DRAFT_OF_RULE,
            incident=one.incident,
            since=one.opened_at or one.firing_since,
            detail=one.latest_update_id or "",
        )
        for one in groups.select_related("incident")[:_MOST]
    ]


def _late(now: datetime, kinds: Collection[Kind]) -> list[StaffAlert]:
    published = Update.objects.filter(incident=OuterRef("pk"), published_at__isnull=False).order_by("-published_at")
    last_update_at = Subquery(published.values("published_at")[:1])
    silent = Q(last_update_at__lte=now - timedelta(hours=min(SILENT_HOURS)))
    overdue = Q(kind=Kind.INCIDENT) & (Q(next_update_by__lte=now) | silent)
    planned = Q(scheduled_until__lte=now) | Q(phase=Phase.SCHEDULED, scheduled_for__lte=now + _starts_soon())
    found = Incident.objects.public().exclude(phase__in=FINAL_PHASES).filter(kind__in=kinds)
    found = found.annotate(last_update_at=last_update_at).filter(overdue | Q(kind=Kind.MAINTENANCE) & planned)
    return [alert for incident in found.oldest_first()[:_MOST] for alert in _alerts_of(incident, now)]


def _alerts_of(incident: Incident, now: datetime) -> list[StaffAlert]:
    return _of_maintenance(incident, now) if incident.is_maintenance else _of_incident(incident, now)


def _of_incident(incident: Incident, now: datetime) -> list[StaffAlert]:
    alerts, promised = [], incident.next_update_by
    if promised is not None and promised <= now:
        alerts.append(StaffAlert(kind=AlertKind.UPDATE_OVERDUE, incident=incident, since=promised))
    since: datetime | None = incident.last_update_at  # type: ignore[attr-defined]  # annotated above
    if since is None:
        return alerts
    for hours in SILENT_HOURS:
        if now - since >= timedelta(hours=hours):
            alert = StaffAlert(kind=AlertKind.NO_UPDATE, incident=incident, since=since, detail=str(hours))
            return [*alerts, alert]
    return alerts


def _of_maintenance(incident: Incident, now: datetime) -> list[StaffAlert]:
    start, end = incident.scheduled_for, incident.scheduled_until
    if start is None or end is None:
        return []
    if end <= now - _NOT_REPORTED:
        return [StaffAlert(kind=AlertKind.PAST_END, incident=incident, since=end)]
    if incident.phase != Phase.SCHEDULED:
        return []
    if start <= now - _NOT_REPORTED:
        return [StaffAlert(kind=AlertKind.NOT_STARTED, incident=incident, since=start)]
    return [] if incident.auto_start else [StaffAlert(kind=AlertKind.STARTS_SOON, incident=incident, since=start)]


def _starts_soon() -> timedelta:
    return timedelta(minutes=settings.ALERT_BEFORE_START)


def _old_drafts(now: datetime, kinds: Collection[Kind]) -> list[StaffAlert]:
    drafts = Update.objects.filter(published_at=None, publish_at=None, updated_at__lte=now - OLD_DRAFT)
    drafts = drafts.filter(incident__published_at__isnull=False, incident__kind__in=kinds)
    drafts = drafts.exclude(incident__phase__in=FINAL_PHASES).select_related("incident").order_by("updated_at", "id")
    return [
        StaffAlert(kind=AlertKind.OLD_DRAFT, incident=draft.incident, since=draft.updated_at, detail=draft.pk)
        for draft in drafts[:_MOST]
    ]
