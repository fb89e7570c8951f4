"""Maintenance that repeats: the rule, and what each maintenance of the series says."""

from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..recurrence import RepeatRule
from .fields import IdField


class SeriesQuerySet(models.QuerySet["MaintenanceSeries"]):
    def due(self, horizon: date) -> "SeriesQuerySet":
        """Return those whose next maintenance has to be made, because its day is not after the horizon."""
        return self.filter(next_day__lte=horizon).order_by("next_day", "pk")


class MaintenanceSeries(models.Model):
    """A rule after which the scheduler makes maintenance some weeks ahead.

    `pattern` is what each maintenance says, as JSON: `details` (fields of an incident), `update` (texts of the first
    update) and `components` (id to status). `next_day` is the first day for which none was made; null after the end.
    """

    id = IdField()
    rrule = models.CharField(max_length=200)
    first_day = models.DateField()
    start_time = models.TimeField()
    duration = models.DurationField()
    zone = models.CharField(max_length=64)
    excluded = models.JSONField(default=list, blank=True)  # days, in ISO 8601
    pattern = models.JSONField()
    next_day = models.DateField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        verbose_name = _("series of maintenance")
        verbose_name_plural = _("series of maintenance")

    def __str__(self) -> str:
        return f"{self.rrule} from {self.first_day}"

    @property
    def rule(self) -> RepeatRule:
        return RepeatRule.parse(
            self.rrule,
            first_day=self.first_day,
            start=self.start_time,
            duration=self.duration,
            zone=self.zone,
            excluded=map(date.fromisoformat, self.excluded),
        )

    @classmethod
    def of(cls, rule: RepeatRule, **fields: Any) -> "MaintenanceSeries":
        """Return an unsaved series with this rule."""
        return cls(
            rrule=rule.rrule,
            first_day=rule.first_day,
            start_time=rule.start,
            duration=rule.duration,
            zone=rule.zone,
            excluded=sorted(day.isoformat() for day in rule.excluded),
            **fields,
        )
