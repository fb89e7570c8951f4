from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PURGE = "purge"  # the subject for URLs whose cache purge failed
ARCHIVE = "archive"  # the subject for documents that the scheduler publishes again in the background


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

    def waiting(self) -> "StaleSubjectQuerySet":
        """Changes that are not public yet, without what is being published again in the background."""
        return self.unpublished().exclude(subject=ARCHIVE, error="")

    def late(self, before: datetime) -> "StaleSubjectQuerySet":
        """Changes that have waited since this moment or longer."""
        return self.waiting().filter(since__lte=before)

    def in_background(self) -> "StaleSubjectQuerySet":
        """What is published again in the background, the oldest first."""
        return self.filter(subject=ARCHIVE)

    def of_incident(self, pk: str) -> "StaleSubjectQuerySet":
        """Changes that an incident's own page waits for."""
        return self.unshown().filter(subject__in=[f"incident:{pk}", "page"])


class StaleSubject(models.Model):
    """A public subject that changed and is not published yet: `incident:ID`, `component:ID`, `page`.

    The row is inserted in the transaction of the change. It is shown once the pages that
    readers wait for are in the public store, and deleted once every document that depends
    on it is there. A change never updates rows, so that two transactions never wait for
    each other here. The scheduler finds rows that remain.

    For the subject ARCHIVE, a row also says how far publishing has come.
    """

    subject = models.CharField(_("subject"), max_length=80)
    since = models.DateTimeField(_("since"), default=timezone.now)
    is_shown = models.BooleanField(_("shown to readers"), default=False, db_default=False)
    error = models.TextField(_("why it is not published"), blank=True)
    # Of ARCHIVE only: the version of the product that publishes everything, or "" for the archive after a change of
    # the page; the path of the document written last; the numbers of documents.
    version = models.CharField(_("version"), max_length=64, blank=True, default="", db_default="")
    position = models.CharField(_("position"), max_length=300, blank=True, default="", db_default="")
    done = models.PositiveIntegerField(_("documents written"), default=0, db_default=0)
    total = models.PositiveIntegerField(_("documents in all"), default=0, db_default=0)

    objects = StaleSubjectQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("document to publish")
        verbose_name_plural = _("documents to publish")

    def __str__(self) -> str:
        return self.subject
