"""Answers of the API that are given again if a program repeats its request."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from .api_tokens import ApiToken

KEPT = timedelta(days=1)


class IdempotentRequestQuerySet(models.QuerySet["IdempotentRequest"]):
    def outdated(self, now: datetime) -> "IdempotentRequestQuerySet":
        return self.filter(created_at__lt=now - KEPT)


class IdempotentRequest(models.Model):
    """A request with the header Idempotency-Key, and its answer.

    The row is inserted in the transaction that does what the request asks for: a repetition waits for it, and is
    answered from it also after a crash. `digest` is of the method, the address and the body.
    """

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = IdempotentRequestQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # shown to nobody
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="each_idempotent_request_once")]
        indexes = [
            # Retention.
            models.Index(fields=["created_at"], name="idempotent_request_created"),
        ]

    def __str__(self) -> str:
        return f"{self.token_id} {self.key}"
