"""The newsroom's forms while they are open, and what was typed into them but never saved."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .incidents import Incident

# An open form says so every eight seconds, and others ask every ten: a name goes away within thirty.
SEEN_FOR = timedelta(seconds=18)
KEPT_FOR = timedelta(days=7)
# Fields that a form carries along, and nobody fills in: its identity, and what it was opened on.
_CARRIED = {"id", "opened", "changed", "times"}


class UnsavedFormQuerySet(models.QuerySet["UnsavedForm"]):
    def open_at(self, now: datetime) -> "UnsavedFormQuerySet":
        """Forms that somebody has in front of them."""
        return self.filter(seen_at__gt=now - SEEN_FOR)

    def with_text(self) -> "UnsavedFormQuerySet":
        """Forms with something typed that was neither saved nor discarded; the newest first."""
        return self.filter(typed_at__isnull=False).order_by("-typed_at", "-id")

    def outdated(self, now: datetime) -> "UnsavedFormQuerySet":
        """What is kept no longer: nobody wrote in it for a week, or it was saved or discarded since."""
        return self.filter(changed_at__lt=now - KEPT_FOR)


class UnsavedForm(models.Model):
    """One form in one tab of a member of staff's browser.

    `values` maps the names of its fields to what is typed. `typed_at` is None if there is nothing to keep:
    nothing was typed yet, or it was saved or discarded (`closed_at`). `seen_at` is None once the tab is left.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="unsaved_forms", verbose_name=_("user")
    )
    key = models.CharField(_("key"), max_length=32)
    path = models.CharField(_("address"), max_length=200)
    kind = models.CharField(_("kind"), max_length=12)
    step = models.CharField(_("step"), max_length=12)
    # None for an incident that does not exist yet.
    incident = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="+", verbose_name=_("incident"))
    values = models.JSONField(_("values"), default=dict)
    typed_at = models.DateTimeField(_("typed"), null=True)
    seen_at = models.DateTimeField(_("last seen"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = UnsavedFormQuerySet.as_manager()

    class Meta:
        verbose_name = _("unsaved form")
        verbose_name_plural = _("unsaved forms")
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="one_unsaved_form_per_key"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(typed_at=None, values={}), name="closed_form_keeps_nothing"
            ),
        ]
        indexes = [
            # Who is writing now; asked every ten seconds by every open page.
            models.Index(fields=["seen_at"], condition=Q(seen_at__isnull=False), name="open_forms"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.path}"

    @property
    def content(self) -> dict[str, str]:
        """What somebody typed or chose, without what the form carries along."""
        return {name: value for name, value in self.values.items() if name not in _CARRIED}
