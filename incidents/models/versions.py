"""What drafts and the details of incidents contained each time they were saved; for staff only."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .incidents import Incident
from .updates import Update


class Version(models.Model):
    """One saved state of a draft or, without `update`, of the details of an incident.

    A version of a draft that has been published stays; one that is discarded goes with its draft.
    """

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="versions")
    update = models.ForeignKey(Update, models.CASCADE, related_name="versions", null=True, blank=True)
    number = models.PositiveIntegerField()
    # The values by the names of the form's boxes; see `operations.snapshots`.
    snapshot = models.JSONField()
    saved_at = models.DateTimeField(default=timezone.now)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ("-number",)
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(fields=["update", "number"], name="version_of_draft_once"),
            models.UniqueConstraint(
                fields=["incident", "number"], condition=Q(update__isnull=True), name="version_of_details_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.update_id or self.incident_id} {self.number}"
