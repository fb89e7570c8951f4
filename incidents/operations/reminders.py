"""Reminders of planned maintenance: who wants to hear of it is notified again before it starts.

The scheduler calls the verb. It locks the maintenance and checks again, so that several schedulers do no harm.
"""

from django.conf import settings
from django.utils import timezone

from ..models import REMINDERS, Announcement, Incident, Reminder
from ..notifications.outbox import announce_reminder
from ..staff import rights
from ..staff.actors import Actor
from .recording import verb
from .updates import lock

_CODES = {"7d": "remind_week_before", "1d": "remind_day_before", "1h": "remind_hour_before"}


def default_reminders() -> dict[str, bool]:
    """Return the fields of an incident that choose its reminders, as the setting has them."""
    return {name: code in settings.MAINTENANCE_REMINDERS for code, name in _CODES.items()}


@verb
def remind_of_maintenance(*, incident: Incident, by: Actor) -> Announcement | bool:
    """Announce the reminder that is due, if one still is. Return the announcement, or False."""
    by.needs(rights.publish(incident.kind))
    incident, now = lock(incident), timezone.now()
    newest = incident.updates.public().newest_first().first()
    if newest is None or incident.scheduled_for is None or not Reminder.objects.due(now).filter(pk=incident.pk):
        return False
    chosen = [before for name, before in REMINDERS.items() if getattr(incident, name)]
    before = min(each for each in chosen if incident.scheduled_for - each <= now)
    announcement = announce_reminder(newest)
    Reminder.objects.create(
        incident=incident, announcement=announcement, planned_start=incident.scheduled_for, before=before
    )
    return announcement
