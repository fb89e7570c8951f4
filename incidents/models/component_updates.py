from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..labels import COMPONENT_STATUSES, choices
from ..status import ComponentStatus
from .components import Component
from .fields import IdField
from .updates import Update

_STATUSES = [status.value for status in ComponentStatus]


class ComponentUpdateQuerySet(models.QuerySet["ComponentUpdate"]):
    def held(self) -> "ComponentUpdateQuerySet":
        """Neither released nor cancelled yet."""
        return self.filter(expanded_at__isnull=True, cancelled_at__isnull=True)

    def released(self) -> "ComponentUpdateQuerySet":
        """Expanded into deliveries."""
        return self.filter(expanded_at__isnull=False)


class ComponentUpdate(models.Model):
    """A change of a component's current status that webhooks are notified of; written in its transaction (the outbox).

    While it is held, further changes are merged into it: it keeps the first `old_status` and gets
    the last `new_status`, and it is cancelled if both are the same. Once released it never changes,
    so that every attempt to post it has the same content.
    """

    id = IdField()
    component = models.ForeignKey(
        Component, models.CASCADE, related_name="status_updates", verbose_name=_("component"), db_index=False
    )
    # The update whose announcement decides on it; none for a status set by hand, and for several merged changes.
    update = models.ForeignKey(
        Update, models.SET_NULL, null=True, blank=True, related_name="component_updates", verbose_name=_("update")
    )
    old_status = models.CharField(_("status before"), max_length=20, choices=choices(COMPONENT_STATUSES))
    new_status = models.CharField(_("status"), max_length=20, choices=choices(COMPONENT_STATUSES))
    # The overall status of the page when it was released.
    page_status = models.CharField(max_length=20, choices=choices(COMPONENT_STATUSES), blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)  # of the last change merged into it
    hold_until = models.DateTimeField(_("held until"))
    expanded_at = models.DateTimeField(_("expanded"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)

    objects = ComponentUpdateQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("component update")
        verbose_name_plural = _("component updates")
        constraints = [
            # Its index also serves the scheduler, which looks for held ones every few moments.
            models.UniqueConstraint(
                fields=["component"],
                condition=Q(expanded_at__isnull=True, cancelled_at__isnull=True),
                name="one_held_update_per_component",
            ),
            models.CheckConstraint(
                condition=Q(old_status__in=_STATUSES, new_status__in=_STATUSES, page_status__in=["", *_STATUSES]),
                name="component_update_statuses_are_known",
            ),
            models.CheckConstraint(
                condition=Q(expanded_at__isnull=True)
                | Q(cancelled_at__isnull=True) & ~Q(page_status="") & ~Q(old_status=F("new_status")),
                name="expanded_component_update_is_a_change",
            ),
        ]
        indexes = [
            # Whether a newer update of the component was released.
            models.Index(fields=["component", "created_at"], name="component_update_history"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} {self.new_status} {self.created_at:%Y-%m-%d %H:%M}"
