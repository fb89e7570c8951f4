"""Alerts to staff: what waits for a person, whom it was sent to, and who wants no email about it."""

from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from .incidents import Incident


class AlertKind(StrEnum):
    """Why staff are alerted, the most urgent first."""

    PUBLISHING_STOPPED = "publishing_stopped"
    EMAILS_STOPPED = "emails_stopped"
    WEBHOOKS_STOPPED = "webhooks_stopped"
    DRAFT_OF_RULE = "draft_of_rule"
    RULE_FAILED = "rule_failed"
    UPDATE_OVERDUE = "update_overdue"
    PAST_END = "past_end"
    NOT_STARTED = "not_started"
    STARTS_SOON = "starts_soon"
    NO_UPDATE = "no_update"
    OLD_DRAFT = "old_draft"


class StaffAlert(models.Model):
    """One cause of an alert. It is stored once for each cause, so that several schedulers send it once.

    `since` is the time that makes the cause: when an update was promised for, when the planned end was, when the last
    update was published, since when nothing has been sent. `detail` is the number of hours without an update, or the
    id of a draft or of an alert rule.
    """

    kind = models.CharField(max_length=20)
    incident = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="staff_alerts")
    detail = models.CharField(max_length=12, blank=True)
    since = models.DateTimeField()
    raised_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)
        default_permissions = ()  # shown to nobody: the list in the newsroom is computed
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "incident", "detail", "since"], name="each_alert_once", nulls_distinct=False
            ),
        ]
        indexes = [
            # Which causes are known already; and retention.
            models.Index(fields=["since"], name="staff_alert_since"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.incident_id or ''} {self.since:%Y-%m-%d %H:%M}"

    @property
    def cause(self) -> tuple[str, str | None, str, datetime]:
        return self.kind, self.incident_id, self.detail, self.since


class AlertState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    CANCELLED = "cancelled"  # the cause was settled, or the person wants no email, before it was sent
    FAILED = "failed"


class AlertMessageQuerySet(models.QuerySet["AlertMessage"]):
    def due(self, now: datetime) -> "AlertMessageQuerySet":
        """Those to the chat first: it may work while the mail server does not."""
        waiting = self.filter(state=AlertState.WAITING, next_attempt_at__lte=now)
        return waiting.order_by(F("user").asc(nulls_first=True), "pk")

    def failing(self, now: datetime) -> "AlertMessageQuerySet":
        """Those that could not be sent at the first attempts, or were given up in the last day; the newest first."""
        waiting = Q(state=AlertState.WAITING, attempts__gt=1)
        given_up = Q(state=AlertState.FAILED, next_attempt_at__gt=now - timedelta(days=1))
        return self.exclude(error="").filter(waiting | given_up).order_by("-pk")


class AlertMessage(models.Model):
    """An alert to one person by email or, without a person, to the chat of the team."""

    alert = models.ForeignKey(StaffAlert, models.CASCADE, related_name="messages")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=10, default=AlertState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    objects = AlertMessageQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["alert", "user"], name="each_alert_once_per_person", nulls_distinct=False),
            models.CheckConstraint(condition=~Q(state="sent") | Q(sent_at__isnull=False), name="sent_alert_says_when"),
        ]
        indexes = [
            # The scheduler looks for them every few seconds; every page of the newsroom for those that failed.
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["waiting", "failed"]), name="alert_message_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.user_id or 'chat'} {self.state}"


class StaffPreferences(models.Model):
    """What a member of staff has chosen; without a row, the defaults."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences")
    email_alerts = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()  # each person changes their own

    def __str__(self) -> str:
        return str(self.user_id)
