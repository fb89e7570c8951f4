from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PURGE = "purge"  # the subject for URLs whose cache purge failed
ARCHIVE = "archive"  # the subject for the archive pages that publishing leaves after a change of the whole page


class StaleSubjectQuerySet(models.QuerySet["StaleSubject"]):
    def unpublished(self) -> "StaleSubjectQuerySet":
        """Changes that are not public yet."""
        return self.exclude(subject=PURGE)

    def unshown(self) -> "StaleSubjectQuerySet":
        """Changes that readers' pages do not show yet."""
        return self.unpublished().filter(is_shown=False)

    def failed(self) -> "StaleSubjectQuerySet":
        """Changes whose publication was tried and failed."""
        return self.unpublished().exclude(error="")

    def late(self, before: datetime) -> "StaleSubjectQuerySet":
        """Changes since this moment or earlier, without a long archive that is being written."""
        return self.unpublished().exclude(subject=ARCHIVE, error="").filter(since__lte=before)

    def of_incident(self, pk: str) -> "StaleSubjectQuerySet":
        """Changes that an incident's own page waits for."""
        return self.unshown().filter(subject__in=[f"incident:{pk}", "page"])


class StaleSubject(models.Model):
    """A public subject that changed and is not published yet: `incident:ID`, `component:ID`, `page`.

    The row is inserted in the transaction of the change. It is shown once the pages that
    readers wait for are in the public store, and deleted once every document that depends
    on it is there. A change never updates rows, so that two transactions never wait for
    each other here. The scheduler finds rows that remain.
    """

    subject = models.CharField(_("subject"), max_length=80)
    since = models.DateTimeField(_("since"), default=timezone.now)
    is_shown = models.BooleanField(_("shown to readers"), default=False, db_default=False)
    error = models.TextField(_("why it is not published"), blank=True)

    objects = StaleSubjectQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("document to publish")
        verbose_name_plural = _("documents to publish")

    def __str__(self) -> str:
        return self.subject
