from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DestinationQuerySet(models.QuerySet["Destination"]):
    def in_trouble(self) -> "DestinationQuerySet":
        return self.filter(failing_since__isnull=False)

    def closed(self, now: datetime) -> "DestinationQuerySet":
        """In trouble, and not due for a probe or being probed: nothing is sent there now."""
        return self.in_trouble().filter(Q(retry_at__gt=now) | Q(prober__isnull=False))

    def due_for_a_probe(self, now: datetime) -> "DestinationQuerySet":
        """In trouble, due for one attempt, and not being probed."""
        return self.in_trouble().filter(retry_at__lte=now, prober__isnull=True)

    def names(self) -> list[str]:
        return list(self.values_list("name", flat=True))


class Destination(models.Model):
    """Where messages are sent: a relay, a recipient domain or MX group, or a webhook host.

    A row exists once the destination has failed, or once the relay has refused a connection.
    While `failing_since` is set, a single delivery is sent as a probe at `retry_at`; the
    backoff grows with `failures` (STANDARDS Q5, Q6).
    """

    name = models.CharField(_("name"), max_length=255, primary_key=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    retry_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    # The job that probes it now (see Holder); no other one may.
    prober = models.PositiveIntegerField(null=True, blank=True)
    # The subscriber whose message was deferred last: the next probe is another one's.
    last_deferred = models.CharField(max_length=12, blank=True, default="", db_default="")
    # When the deliveries that wait for it are due. It equals `retry_at` (null if the destination works) once all of
    # them are moved: a difference means that batches are left.
    postponed_until = models.DateTimeField(null=True, blank=True)
    # How many connections the relay takes from one worker, if they are fewer than EMAIL_CONNECTIONS.
    connections = models.PositiveSmallIntegerField(_("connections"), null=True, blank=True)
    reply_code = models.PositiveSmallIntegerField(_("reply code"), null=True, blank=True)
    reply = models.CharField(_("reply"), max_length=500, blank=True)
    # A relay that offers PIPELINING and replies to the first command only.
    pipelining_broken_at = models.DateTimeField(_("PIPELINING found broken"), null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        constraints = [
            models.CheckConstraint(
                condition=Q(failing_since__isnull=True, retry_at__isnull=True)
                | Q(failing_since__isnull=False, retry_at__isnull=False),
                name="destination_in_trouble_has_a_next_try",
            ),
        ]

    def __str__(self) -> str:
        return self.name
