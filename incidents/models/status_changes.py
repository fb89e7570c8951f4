"""The status of components over time, and the statuses that staff set by hand."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..labels import COMPONENT_STATUSES, choices
from ..status import ComponentStatus
from .components import Component

_IS_KNOWN = models.Q(status__in=[s.value for s in ComponentStatus])


class ManualStatus(models.Model):
    """A status set by hand, outside any incident. It is a claim until the next one of the component; see `claims`."""

    component = models.ForeignKey(Component, models.CASCADE, related_name="manual_statuses")
    status = models.CharField(_("status"), max_length=20, choices=choices(COMPONENT_STATUSES))
    at = models.DateTimeField(_("time"), default=timezone.now)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("author")
    )

    class Meta:
        ordering = ("at", "id")
        verbose_name = _("status set by hand")
        verbose_name_plural = _("statuses set by hand")
        constraints = [models.CheckConstraint(condition=_IS_KNOWN, name="manual_status_is_known")]
        indexes = [
            # The claims of a component, in order of time.
            models.Index(fields=["component", "at"], name="manual_status_history"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} {self.status} {self.at:%Y-%m-%d %H:%M}"


class StatusChange(models.Model):
    """A component had `status` from `at` on because of the incidents in `causes` (ids, the earliest claim first).

    Derived from claims: only `operations.rebuild_statuses` writes these rows. Pages, uptime
    and messages read them.
    """

    component = models.ForeignKey(Component, models.CASCADE, related_name="status_changes")
    at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=choices(COMPONENT_STATUSES))
    causes = ArrayField(models.CharField(max_length=12), default=list, blank=True)

    class Meta:
        ordering = ("at", "id")
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        constraints = [
            models.CheckConstraint(condition=_IS_KNOWN, name="status_change_status_is_known"),
            # Its index serves a component's history in order, and its status at a moment.
            models.UniqueConstraint(fields=["component", "at"], name="status_change_once_per_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} {self.status} {self.at:%Y-%m-%d %H:%M}"
