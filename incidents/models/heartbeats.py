from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def record(self, name: str, at: datetime) -> None:
        """Store the time under this name, in place of an earlier one."""
        beat = Heartbeat(name=name, beaten_at=at)
        self.bulk_create([beat], update_conflicts=True, unique_fields=["name"], update_fields=["beaten_at"])


class Heartbeat(models.Model):
    """When a process that must always run was last seen, or started, or published. Workers have theirs in the queue."""

    name = models.CharField(_("name"), max_length=20, primary_key=True)
    beaten_at = models.DateTimeField(_("last seen"))

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
