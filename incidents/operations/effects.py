"""The effects of publishing an update: phase and times, statuses, stale documents, the announcement."""

from datetime import datetime
from itertools import takewhile

from django.utils import timezone

from ..models import Component, Incident, Update
from ..notifications.outbox import announce
from ..publishing import stale
from ..status import WORK_PHASES, Kind, Phase, phases_of
from . import moves, placeholders, report
from .statements import BACKDATED
from .statuses import rebuild_statuses

# The fields of an update that its publication changes.
_OF_PUBLICATION = ("at", "publish_at", "published_at", "text", "report", "author", "updated_at")


def make_public(update: Update) -> None:
    """Publish a stored update. Call inside a transaction that has locked the incident."""
    incident, now = update.incident, timezone.now()
    started_at = incident.started_at  # maintenance that starts can move to another month
    if update.publish_at is not None:
        update.at, update.publish_at = min(update.publish_at, now), None
    update.published_at = now
    moves.apply(update, incident)
    _start_with(update, incident)
    _update_promise(incident, update, now)
    placeholders.fill(update)
    report.record(update)
    update.save(update_fields=_OF_PUBLICATION)
    incident.published_at = incident.published_at or now
    follow_timeline(incident)
    named = follow_claims(incident, started_at, announce=update.notify, update=update)
    stale.mark_incident(incident, named, former_start=started_at)
    if update.notify:
        announce(update)


def _start_with(update: Update, incident: Incident) -> None:
    # An incident that was kept as a draft or scheduled begins with its first public update, unless its start was
    # backdated; like the time of a draft.
    was_kept = update.at - incident.created_at > BACKDATED and update.ended_at is None
    starts_as_written = incident.started_at > incident.created_at - BACKDATED
    if not incident.is_public and not incident.is_maintenance and was_kept and starts_as_written:
        incident.started_at = update.at


def _update_promise(incident: Incident, update: Update, now: datetime) -> None:
    # A new promised time replaces the earlier one; one that has passed is cleared.
    if update.next_update_by is not None:
        incident.next_update_by = update.next_update_by
    elif incident.next_update_by is not None and incident.next_update_by <= now:
        incident.next_update_by = None


def follow_timeline(incident: Incident) -> None:
    """Set the incident's phase, its end and, for maintenance, its start to what its public updates say; save it.

    The result depends on the updates alone, not on the order in which they were written.
    """
    timeline = list(incident.updates.filter(published_at__isnull=False).newest_first())
    if timeline:
        incident.phase = timeline[0].phase
    elif incident.is_over:  # a draft again
        incident.phase = phases_of(Kind(incident.kind))[0]
    if incident.is_maintenance:
        incident.started_at = _start_of_work(timeline) or incident.scheduled_for or incident.started_at
    incident.ended_at = _end(incident, list(takewhile(lambda update: update.is_final, timeline)))
    if incident.is_over:
        incident.next_update_by = None
    incident.overdue = incident.overdue_at(timezone.now())
    incident.save()


def _end(incident: Incident, final: list[Update]) -> datetime | None:
    # `final` are the updates since it was over, newest first: the newest stated end, else the time of the first one.
    if not final:
        return None
    stated = [update.ended_at for update in final if update.ended_at is not None]
    end = stated[0] if stated else final[-1].at
    # Work can be cancelled long before its planned start.
    return end if incident.phase == Phase.CANCELLED else max(end, incident.started_at)


def _start_of_work(timeline: list[Update]) -> datetime | None:
    # When the work began, if it did. `timeline` is newest first.
    times = [update.at for update in timeline if update.phase in WORK_PHASES]
    return times[-1] if times else None


def follow_claims(
    incident: Incident, started_at: datetime, *, announce: bool = True, update: Update | None = None
) -> list[str]:
    """Rebuild the statuses of the components that its updates name, after a change of what it claims; return their ids.

    `started_at` is its start before the change. `announce` says whether webhooks are notified of new
    current statuses, and `update` which update they are notified of.
    """
    since = min(incident.started_at, started_at)
    named = named_components(incident)
    rebuild_statuses(components=named, since=since, announce=announce, update=update)
    return named


def named_components(incident: Incident) -> list[str]:
    """Return the ids of the components named by the incident's published updates, in a fixed order."""
    named = Component.objects.filter(affected__update__incident=incident, affected__update__published_at__isnull=False)
    return list(named.order_by("id").distinct().values_list("id", flat=True))
