"""Reminders of planned maintenance: which there are, and which have been sent."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Greatest

from ..status import Kind, Phase
from .announcements import Announcement
from .incidents import Incident, IncidentQuerySet

# The fields of an incident that choose its reminders, with how long before the planned start each is due.
REMINDERS = {
    "remind_week_before": timedelta(days=7),
    "remind_day_before": timedelta(days=1),
    "remind_hour_before": timedelta(hours=1),
}


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def due(self, now: datetime) -> IncidentQuerySet:
        """Public maintenance of which subscribers have to be reminded now.

        A reminder whose time had passed before readers knew the planned start is never due, nor is one that is earlier
        than one that was sent. So a scheduler that is late sends only the latest.
        """
        known_at = Greatest("published_at", "revised_at")  # PostgreSQL ignores a missing value
        due = Q()
        # The second condition follows from the query; with it PostgreSQL does not read the reminders of all times.
        of_planned = self.filter(incident=OuterRef("pk"), planned_start=OuterRef("scheduled_for"))
        of_planned = of_planned.filter(planned_start__gt=now)
        for name, before in REMINDERS.items():
            sent = of_planned.filter(before__lte=before)
            is_due = Q(scheduled_for__lte=now + before, scheduled_for__gte=F("known_at") + before)
            due |= Q(**{name: True}) & is_due & ~Q(Exists(sent))
        planned = Incident.objects.public().filter(kind=Kind.MAINTENANCE, phase=Phase.SCHEDULED, scheduled_for__gt=now)
        return planned.alias(known_at=known_at).filter(due).in_planned_order()


class Reminder(models.Model):
    """A reminder that was announced: each once for a planned start, so that a moved maintenance has new ones."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="reminders")
    announcement = models.OneToOneField(Announcement, models.CASCADE, related_name="reminder")
    planned_start = models.DateTimeField()
    before = models.DurationField()

    objects = ReminderQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=["incident", "planned_start", "before"], name="each_reminder_once"),
        ]
        indexes = [
            # The scheduler looks every second at those of maintenance ahead: few among many.
            models.Index(fields=["planned_start"], name="reminder_start"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.planned_start:%Y-%m-%d %H:%M} {self.before}"
