"""What follows a delivery: bounces, and the counts that remain after its row is deleted."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .announcements import Announcement
from .deliveries import DeliveryState, SkipReason
from .subscribers import Subscriber


class FoldedDeliveries(models.Model):
    """How many deliveries of an old announcement ended in a state; replaces the deleted deliveries."""

    announcement = models.ForeignKey(Announcement, models.CASCADE, related_name="folded", db_index=False)
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState)
    skip_reason = models.CharField(_("skipped because"), max_length=20, choices=SkipReason, blank=True)
    number = models.PositiveIntegerField(_("number"))

    class Meta:
        verbose_name = _("counted deliveries")
        verbose_name_plural = _("counted deliveries")
        constraints = [
            models.UniqueConstraint(fields=["announcement", "state", "skip_reason"], name="folded_once_per_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.number}"


class Bounce(models.Model):
    """An email about a sent one, and its consequence: usually a report that it did not arrive or is delayed (RFC 3464).

    `subject`, `sender_domain` and `excerpt` are kept only of an email that was not understood, with addresses masked.
    """

    class Consequence(models.TextChoices):
        SUSPENDED = "suspended", pgettext_lazy("bounce", "Subscriber suspended: the address does not exist")
        GIVEN_UP = "given_up", pgettext_lazy("bounce", "Subscriber suspended: refused on too many days")
        COUNTED = "counted", pgettext_lazy("bounce", "Counted: refused this time")
        POLICY = "policy", pgettext_lazy("bounce", "Refused by policy: staff must investigate")
        PASSING = "passing", pgettext_lazy("bounce", "Given up by another server after a temporary failure; no action")
        DELAYED = "delayed", pgettext_lazy("bounce", "Delayed and still being retried; no action")
        COMPLAINED = "complained", pgettext_lazy("bounce", "Unsubscribed: the reader reported it as spam")
        UNKNOWN = "unknown", pgettext_lazy("bounce", "Not understood: staff should read it")

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="bounces", db_index=False, verbose_name=_("subscriber")
    )
    announcement = models.ForeignKey(
        Announcement, models.SET_NULL, null=True, blank=True, related_name="bounces", verbose_name=_("announcement")
    )
    consequence = models.CharField(_("consequence"), max_length=12, choices=Consequence)
    status = models.CharField(_("status"), max_length=12, blank=True, help_text=_("Enhanced status code, RFC 3463."))
    reply = models.CharField(_("reply"), max_length=500, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    sender_domain = models.CharField(_("domain of the sender"), max_length=255, blank=True)
    excerpt = models.TextField(_("first lines"), max_length=1000, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        ordering = ("-received_at", "-id")
        verbose_name = _("bounce")
        verbose_name_plural = _("bounces")
        indexes = [
            # Counting the days on which a subscriber's messages were refused.
            models.Index(fields=["subscriber", "received_at"], name="bounce_of_subscriber"),
            # The newsroom's list and front page, newest first; retention, oldest first.
            models.Index(fields=["received_at"], name="bounce_received"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.received_at:%Y-%m-%d %H:%M}"
