from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..labels import COMPONENT_STATUSES, choices
from ..status import ComponentStatus
from .components import Component
from .updates import Update


class StatusChange(models.Model):
    """A component had `status` from `at` on. Uptime is computed from these rows."""

    component = models.ForeignKey(Component, models.CASCADE, related_name="status_changes")
    update = models.ForeignKey(Update, models.CASCADE, null=True, blank=True, related_name="status_changes")
    at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=20, choices=choices(COMPONENT_STATUSES))

    class Meta:
        ordering = ("at", "id")
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=[s.value for s in ComponentStatus]), name="status_change_status_is_known"
            ),
        ]
        indexes = [
            # A component's history in order: uptime bars, and its current status after a backdated change.
            models.Index(fields=["component", "at"], name="status_change_history"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} {self.status} {self.at:%Y-%m-%d %H:%M}"
