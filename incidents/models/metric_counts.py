from django.db import models
from django.utils.translation import gettext_lazy as _


class MetricCount(models.Model):
    """A part of a counter for the metrics, whose value is the sum of its rows.

    `subject` is the name of a metric of `metrics.definitions`, and `outcome` the values of its
    labels with commas between them, or a bucket of a histogram. Rows are only added, so that no
    worker waits for another; `counters` combines them. Counts must not depend on the rows they
    are about, which are deleted.
    """

    subject = models.CharField(_("subject"), max_length=60)
    outcome = models.CharField(_("outcome"), max_length=80)
    number = models.BigIntegerField(_("number"))

    class Meta:
        verbose_name = _("part of a counter")
        verbose_name_plural = _("parts of counters")

    def __str__(self) -> str:
        return f"{self.subject} {self.outcome} {self.number}"
