"""What the limits of `subscriptions.limits` and `subscriptions.budget` remember. Keyed hashes: they identify nobody."""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RateLimit(models.Model):
    """One bucket of a rate limit; `key` is a keyed hash of the limit's name and what is limited."""

    key = models.CharField(primary_key=True, max_length=64)
    free_at = models.DateTimeField()  # when the bucket is empty again

    class Meta:
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")
        indexes = [
            # Retention.
            models.Index(fields=["free_at"], name="rate_limit_free"),
        ]

    def __str__(self) -> str:
        return self.key


class RequestedMessageQuerySet(models.QuerySet["RequestedMessage"]):
    def since(self, moment: datetime) -> "RequestedMessageQuerySet":
        return self.filter(sent_at__gt=moment)


class RequestedMessage(models.Model):
    """One message that a public form caused, counted in the budget of its mailbox until the budget is renewed.

    `mailbox` and `address` are keyed hashes. `subscriber_id` names the subscriber that the message was
    about, who may have been deleted since: a link in the message still proves who owns
    the mailbox.
    """

    mailbox = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    subscriber_id = models.CharField(max_length=12, blank=True)
    sent_at = models.DateTimeField(default=timezone.now)

    objects = RequestedMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("requested email")
        verbose_name_plural = _("requested emails")
        indexes = [
            # The budget of a mailbox.
            models.Index(fields=["mailbox", "sent_at"], name="requested_message_mailbox"),
            # Proof of ownership by a link about a deleted subscriber.
            models.Index(fields=["subscriber_id"], name="requested_message_subject"),
            # Retention.
            models.Index(fields=["sent_at"], name="requested_message_old"),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox} {self.sent_at:%Y-%m-%d}"
