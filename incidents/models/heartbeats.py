from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """When a process that must always run was last seen. For workers, see `notifications.monitoring`."""

    name = models.CharField(_("name"), max_length=20, primary_key=True)
    beaten_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
