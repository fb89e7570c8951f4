from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from .subscribers import Subscriber


class SigningSecretQuerySet(models.QuerySet["SigningSecret"]):
    def valid(self, now: datetime) -> "SigningSecretQuerySet":
        """The secrets that sign each post, newest first."""
        valid = Q(valid_until__isnull=True) | Q(valid_until__gt=now)
        return self.filter(valid).order_by("-made_at", "-pk")


class SigningSecret(models.Model):
    """The secret that signs posts to one webhook (Standard Webhooks); stored readable, since signing needs it.

    `valid_until` is set when it is replaced: for a while both secrets sign.
    """

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="secrets")
    value = models.CharField(max_length=80)
    made_at = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)

    objects = SigningSecretQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.made_at:%Y-%m-%d}"


class Attempt(models.Model):
    """One attempt to deliver a post, for the owner's log. Only the status of the response is kept."""

    # Not checked by PostgreSQL: a worker can log an attempt while the sign-up is being deleted.
    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="attempts", db_index=False, db_constraint=False
    )
    # Not a foreign key: deliveries are folded in bulk, independently of this log.
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


class RenderedPost(models.Model):
    """The body of a post, stored when it is first rendered, so that every attempt has the same bytes.

    It is shared by recipients with the same language and time zone, and has placeholders for their own values.
    """

    key = models.CharField(max_length=160, primary_key=True)
    body = models.TextField()
    rendered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Retention.
            models.Index(fields=["rendered_at"], name="rendered_post_old"),
        ]

    def __str__(self) -> str:
        return self.key
