from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

_FIRST_RETRY = timedelta(seconds=30)


class SubscriptionRequestQuerySet(models.QuerySet["SubscriptionRequest"]):
    def due(self, now: datetime) -> "SubscriptionRequestQuerySet":
        return self.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")


class SubscriptionRequest(models.Model):
    """A request from a public form. A worker decides what to send and deletes the row."""

    class Kind(models.TextChoices):
        SUBSCRIBE = "subscribe", _("subscribe")
        FOLLOW = "follow", _("follow an incident")
        MANAGE = "manage", _("change a subscription")
        WEBHOOK = "webhook", _("connect a webhook")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    address = models.EmailField(_("email address"), max_length=254)
    details: models.JSONField[dict[str, Any]] = models.JSONField(_("details"), default=dict)
    created_at = models.DateTimeField(_("requested"), default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)

    objects = SubscriptionRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription request")
        verbose_name_plural = _("subscription requests")
        indexes = [
            # SubscriptionRequestQuerySet.due
            models.Index(fields=["next_attempt_at", "id"], name="subscription_request_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def defer(self, now: datetime) -> None:
        """Try again after 30 s, then 1, 2, 4 … minutes."""
        self.next_attempt_at = now + _FIRST_RETRY * 2**self.attempts
        self.attempts += 1
        self.save(update_fields=["next_attempt_at", "attempts"])
