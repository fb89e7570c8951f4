from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from .subscribers import Subscriber


class SigningSecretQuerySet(models.QuerySet["SigningSecret"]):
    def valid(self, now: datetime) -> "SigningSecretQuerySet":
        """Newest first: a post is signed with each of them."""
        valid = Q(valid_until__isnull=True) | Q(valid_until__gt=now)
        return self.filter(valid).order_by("-made_at", "-pk")


class SigningSecret(models.Model):
    """What the posts to one webhook are signed with (Standard Webhooks); kept readable, since signing needs it.

    `valid_until` is set when another takes its place: for a while both sign.
    """

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="secrets")
    value = models.CharField(max_length=80)
    made_at = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)

    objects = SigningSecretQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.made_at:%Y-%m-%d}"


class Attempt(models.Model):
    """One try to hand a post over, for the owner's log. Of what the server answered only the status is kept."""

    # Not checked by PostgreSQL: a worker notes its try also when the sign-up is deleted at this moment.
    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="attempts", db_index=False, db_constraint=False
    )
    # A number and no reference: deliveries are folded in bulk, and take no notice of this log.
    delivery_id = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now)
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    said = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            # The log on the owner's page, newest first.
            models.Index(fields=["subscriber", "-at"], name="attempt_of_subscriber"),
            # Retention.
            models.Index(fields=["at"], name="attempt_old"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.code or 0}"
