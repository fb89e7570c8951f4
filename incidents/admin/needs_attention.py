"""What waits for a person now, on the front page: each matter with a link to the form that settles it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from ..models import Incident, Update
from ..staff import rights
from ..status import FINAL_PHASES, Kind, Phase
from .addresses import incident_page

SHOWN = 20
SILENT_HOURS = (24, 12, 6, 3)
STARTS_SOON = timedelta(minutes=30)
OLD_DRAFT = timedelta(days=1)


@dataclass(frozen=True)
class Matter:
    """Why an incident or maintenance waits for a person, and where that is settled."""

    incident: Incident
    reason: str
    address: str


def needs_attention(user: AbstractBaseUser | AnonymousUser, now: datetime) -> list[Matter]:
    """Return what waits for somebody with this person's rights, in two queries at most."""
    kinds = [kind for kind in Kind if user.has_perm(rights.publish(kind))]  # type: ignore[union-attr]  # as in front_page
    if not kinds:
        return []
    late = _incidents(now) | _maintenance(now)
    newest = Max("updates__published_at")
    incidents = Incident.objects.public().exclude(phase__in=FINAL_PHASES).annotate(last_update_at=newest)
    found = incidents.filter(late, kind__in=kinds).oldest_first()[:SHOWN]
    matters = [Matter(incident, _reason(incident, now), _form(incident)) for incident in found]
    drafts = Update.objects.filter(published_at=None, publish_at=None, updated_at__lte=now - OLD_DRAFT)
    drafts = drafts.filter(incident__published_at__isnull=False, incident__kind__in=kinds)
    drafts = drafts.exclude(incident__phase__in=FINAL_PHASES).select_related("incident").order_by("updated_at", "id")
    reason = _("A draft is more than a day old.")
    return matters + [
        Matter(draft.incident, reason, incident_page(draft.incident, "draft", draft.pk)) for draft in drafts[:SHOWN]
    ]


def _incidents(now: datetime) -> Q:
    silent = Q(last_update_at__lte=now - timedelta(hours=min(SILENT_HOURS)))
    return Q(kind=Kind.INCIDENT) & (Q(next_update_by__lte=now) | silent)


def _maintenance(now: datetime) -> Q:
    starts = Q(phase=Phase.SCHEDULED, auto_start=False, scheduled_for__lte=now + STARTS_SOON)
    return Q(kind=Kind.MAINTENANCE) & (Q(scheduled_until__lte=now) | starts)


def _reason(incident: Incident, now: datetime) -> str:
    if incident.is_maintenance:
        if incident.scheduled_until is not None and incident.scheduled_until <= now:
            return _("The planned end has passed without a report.")
        return _("It does not start automatically.")
    if incident.next_update_by is not None and incident.next_update_by <= now:
        return _("The promised update is overdue.")
    silence = now - incident.last_update_at  # type: ignore[attr-defined]  # annotated above
    hours = next(hours for hours in SILENT_HOURS if silence >= timedelta(hours=hours))
    return _("No update for more than %(hours)d hours.") % {"hours": hours}


def _form(incident: Incident) -> str:
    phase = Phase.IN_PROGRESS if incident.phase == Phase.SCHEDULED else Phase.COMPLETED
    return incident_page(incident, "update") + (f"?phase={phase}" if incident.is_maintenance else "")
