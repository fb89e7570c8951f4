from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PURGE = "purge"  # the subject that stands for addresses which the caches could not be told of


class StaleSubjectQuerySet(models.QuerySet["StaleSubject"]):
    def unpublished(self) -> "StaleSubjectQuerySet":
        """What readers do not see yet."""
        return self.exclude(subject=PURGE)

    def failed(self) -> "StaleSubjectQuerySet":
        """What was tried and could not be published."""
        return self.unpublished().exclude(error="")

    def of_incident(self, pk: str) -> "StaleSubjectQuerySet":
        """What holds up the incident's own page."""
        return self.filter(subject__in=[f"incident:{pk}", "page"])


class StaleSubject(models.Model):
    """Something public that changed and is not yet written out: `incident:ID`, `component:ID`, `page`.

    Written in the transaction of the change, deleted when every document that
    depends on it is in the public store. Rows are only ever added, so that two
    transactions never wait for each other here. What stays is found by the clock.
    """

    subject = models.CharField(_("subject"), max_length=80)
    since = models.DateTimeField(_("since"), default=timezone.now)
    error = models.TextField(_("why it is not written"), blank=True)

    objects = StaleSubjectQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("document to publish")
        verbose_name_plural = _("documents to publish")

    def __str__(self) -> str:
        return self.subject
