"""Alerts from monitoring, and the rules that make incidents of them."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..labels import COMPONENT_STATUSES, IMPACTS
from ..status import ComponentStatus, Impact
from .components import Component
from .fields import IdField
from .incidents import Incident
from .templates import UpdateTemplate
from .updates import Update

_DAY = [MaxValueValidator(24 * 60 * 60)]
_CONDITIONS = _(
    "One on each line, and all must hold: “severity = critical | high”, “instance = web-*”, “env != test”. Without "
    "any, the rule is for every alert."
)
_STATUSES = [
    one for one in ComponentStatus if one not in {ComponentStatus.OPERATIONAL, ComponentStatus.UNDER_MAINTENANCE}
]
_IMPACTS = [one for one in Impact if one != Impact.MAINTENANCE]


class AlertRuleQuerySet(models.QuerySet["AlertRule"]):
    def in_order(self) -> "AlertRuleQuerySet":
        return self.order_by("position", "created_at", "id")

    def in_use(self) -> "AlertRuleQuerySet":
        """Those that alerts are compared with, in their order: the first that fits is the rule of an alert."""
        related = ("component", "template", "final_template")
        return self.filter(is_active=True).select_related(*related).in_order()


class AlertRule(models.Model):
    """Which alerts make an incident, and what it says. All alerts of a rule make one incident, unless `group_by`."""

    id = IdField()
    # What the rule is called in files (`operations.keys`).
    key = models.CharField(max_length=60, unique=True, editable=False)
    name = models.CharField(pgettext_lazy("alert rule", "name"), max_length=100, help_text=_("Only staff see it."))
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Smaller numbers come first. The first rule that fits an alert is used.")
    )
    is_active = models.BooleanField(_("in use"), default=True)
    conditions = models.TextField(_("conditions on labels"), blank=True, max_length=2000, help_text=_CONDITIONS)
    component = models.ForeignKey(
        Component, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("component")
    )
    component_label = models.CharField(
        _("label that names the component"),
        blank=True,
        max_length=100,
        help_text=_("Its value is the component’s short name or id. Without such a component, the one above is used."),
    )
    status = models.CharField(
        _("status of the component"),
        max_length=20,
        choices=[(one.value, COMPONENT_STATUSES[one]) for one in _STATUSES],
        default=ComponentStatus.PARTIAL_OUTAGE,
    )
    impact = models.CharField(
        _("impact"), max_length=12, choices=[(one.value, IMPACTS[one]) for one in _IMPACTS], default=Impact.MAJOR
    )
    template = models.ForeignKey(
        UpdateTemplate,
        models.PROTECT,
        related_name="+",
        verbose_name=_("template for the beginning"),
        help_text=_("Its title, phase and text open the incident."),
    )
    final_template = models.ForeignKey(
        UpdateTemplate,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("template for the end"),
        help_text=_("Without it, the update says “Resolved.”."),
    )
    publish = models.BooleanField(
        _("publish without a person"), default=False, help_text=_("Otherwise it is a draft, and staff are alerted.")
    )
    notify = models.BooleanField(_("notify subscribers"), default=False)
    resolve = models.BooleanField(
        _("resolve without a person"),
        default=True,
        help_text=_("Once all its alerts have ended, unless a person has posted an update since it was opened."),
    )
    group_by = models.CharField(
        _("one incident for each"),
        blank=True,
        max_length=200,
        help_text=_("Labels, separated by commas. Without any, all alerts of this rule make one incident."),
    )
    hold = models.PositiveIntegerField(
        _("seconds before it is opened"),
        default=60,
        validators=_DAY,
        help_text=_("An alert that ends before opens nothing."),
    )
    quiet = models.PositiveIntegerField(
        _("seconds before it is resolved"),
        default=300,
        validators=_DAY,
        help_text=_("An alert that comes back before belongs to the same incident."),
    )
    minimum_open = models.PositiveIntegerField(_("seconds that it is open at least"), default=600, validators=_DAY)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")

    def __str__(self) -> str:
        return self.name

    @property
    def grouping_labels(self) -> list[str]:
        return [name.strip() for name in self.group_by.split(",") if name.strip()]


class AlertGroupQuerySet(models.QuerySet["AlertGroup"]):
    def open(self) -> "AlertGroupQuerySet":
        return self.filter(closed_at=None).order_by("pk")


class AlertGroup(models.Model):
    """Alerts of one rule that make one incident: from the first that fires until all have ended.

    `latest_update` is what the rule posted last. `failure` is why the rule could not be carried out.
    """

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="groups")
    key = models.CharField(max_length=500, blank=True)
    firing_since = models.DateTimeField()
    quiet_since = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="alert_groups")
    latest_update = models.ForeignKey(Update, models.SET_NULL, null=True, related_name="+")
    failure = models.CharField(max_length=500, blank=True)

    objects = AlertGroupQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # seen with its alerts
        constraints = [
            models.UniqueConstraint(fields=["rule", "key"], condition=Q(closed_at=None), name="one_open_alert_group"),
        ]
        indexes = [
            # What the scheduler looks at every few seconds.
            models.Index(fields=["id"], condition=Q(closed_at=None), name="alert_group_open"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.key}".strip()

    @property
    def is_left_to_rule(self) -> bool:
        """Whether its incident is public, and nobody has written an update since that of the rule, not even a draft."""
        if self.incident is None or not self.incident.is_public:
            return False
        newest = self.incident.updates.newest_first().first()
        return newest is not None and newest.pk == self.latest_update_id


class MonitoringAlertQuerySet(models.QuerySet["MonitoringAlert"]):
    def firing(self) -> "MonitoringAlertQuerySet":
        return self.filter(ended_at=None)

    def outdated(self, now: datetime) -> "MonitoringAlertQuerySet":
        """Ended 30 days ago, or fired without a repetition for as long."""
        return self.filter(received_at__lte=now - timedelta(days=30))


class MonitoringAlert(models.Model):
    """An alert that a monitoring system has sent, as it is now. Its labels say which alert it is.

    `covered_by` is an incident of somebody else that said already that the component is affected.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    labels = models.JSONField(_("labels"))
    summary = models.CharField(_("summary"), max_length=500, blank=True)
    link = models.CharField(_("link"), max_length=1000, blank=True)
    fired_at = models.DateTimeField(pgettext_lazy("alert", "began"))
    ended_at = models.DateTimeField(pgettext_lazy("alert", "ended"), null=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    sender = models.CharField(_("sent with"), max_length=120)
    rule = models.ForeignKey(AlertRule, models.SET_NULL, null=True, related_name="alerts", verbose_name=_("alert rule"))
    group = models.ForeignKey(AlertGroup, models.SET_NULL, null=True, related_name="alerts")
    covered_by = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="covered_alerts")
    component = models.ForeignKey(Component, models.SET_NULL, null=True, related_name="+", verbose_name=_("component"))

    objects = MonitoringAlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert from monitoring")
        verbose_name_plural = _("alerts from monitoring")
        # Programs add them; nobody changes or deletes one.
        default_permissions = ("add", "view")
        ordering = ("-received_at", "-id")
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="monitoring_alert_newest"),
        ]

    def __str__(self) -> str:
        return str(self.labels.get("alertname") or self.summary or self.fingerprint[:12])
