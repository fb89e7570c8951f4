from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..labels import IMPACTS, KINDS, PHASES, ROOT_CAUSE_STATUSES, choices
from ..status import (
    FINAL_PHASES,
    INCIDENT_PHASES,
    MAINTENANCE_PHASES,
    Impact,
    Kind,
    Overdue,
    Phase,
    RootCauseStatus,
)
from ..wording import words
from .fields import IdField, LocalizedField, WebAddressField
from .ids import LENGTH
from .metadata import check_metadata
from .text_search import Matching, incidents_with, newsroom_terms

# Planned work comes after every incident.
_WORST_FIRST = (Impact.CRITICAL, Impact.MAJOR, Impact.MINOR, Impact.NONE, Impact.MAINTENANCE)


class IncidentQuerySet(models.QuerySet["Incident"]):
    def containing(self, query: str) -> "IncidentQuerySet":
        """Return those with each word of the query, or a word that begins with it, in any text; drafts included.

        Those with more of the words in the title come first, then the newest. An id finds its incident.
        """
        same = self.filter(pk=query.strip())
        if len(query.strip()) == LENGTH and same.exists():
            return same
        words = newsroom_terms(query)
        found = self if words else self.none()
        for word in words:
            found = found.filter(pk__in=_raw(incidents_with(word)))
        titles = [Q(pk__in=_raw(incidents_with(word, titles_only=True))) for word in words]
        in_title = sum((Case(When(with_word, then=1), default=0) for with_word in titles), Value(0))
        return found.annotate(words_in_title=in_title).order_by("-words_in_title", "-started_at", "-id")

    def public(self) -> "IncidentQuerySet":
        """The one visibility rule: drafts and withdrawn incidents appear nowhere public."""
        return self.filter(published_at__isnull=False)

    def incidents(self) -> "IncidentQuerySet":
        return self.filter(kind=Kind.INCIDENT)

    def maintenances(self) -> "IncidentQuerySet":
        return self.filter(kind=Kind.MAINTENANCE)

    def ongoing(self) -> "IncidentQuerySet":
        """Started and not over."""
        return self.exclude(phase__in=[*FINAL_PHASES, Phase.SCHEDULED])

    def upcoming(self) -> "IncidentQuerySet":
        return self.filter(phase=Phase.SCHEDULED).in_planned_order()

    def ahead(self) -> "IncidentQuerySet":
        """Upcoming, and its planned end has not passed."""
        return self.upcoming().exclude(overdue=Overdue.END)

    def unreported(self) -> "IncidentQuerySet":
        """Its planned end has passed, and nobody has reported that it took place."""
        return self.upcoming().filter(overdue=Overdue.END)

    def past_planned_time(self, now: datetime) -> "IncidentQuerySet":
        """Public maintenance that should have started, or ended, by now."""
        late = Q(scheduled_until__lte=now) | Q(phase=Phase.SCHEDULED, scheduled_for__lte=now)
        return self.public().exclude(phase__in=FINAL_PHASES).filter(late, kind=Kind.MAINTENANCE).in_planned_order()

    def ended_since(self, moment: datetime) -> "IncidentQuerySet":
        """Over since `moment` or later, having taken place: cancelled work has not."""
        return self.filter(ended_at__gte=moment).exclude(phase=Phase.CANCELLED)

    # Each order ends with the id, so that incidents with equal times keep their places under any query plan.

    def newest_first(self) -> "IncidentQuerySet":
        return self.order_by("-started_at", "-id")

    def worst_first(self) -> "IncidentQuerySet":
        """By impact, planned work last; of equal impact the newest first."""
        ranks = (When(impact=impact, then=Value(rank)) for rank, impact in enumerate(_WORST_FIRST))
        return self.order_by(Case(*ranks), "-started_at", "-id")

    def oldest_first(self) -> "IncidentQuerySet":
        return self.order_by("started_at", "id")

    def in_planned_order(self) -> "IncidentQuerySet":
        """Maintenance by planned start, earliest first."""
        return self.order_by("scheduled_for", "id")

    def latest_planned_first(self) -> "IncidentQuerySet":
        return self.order_by("-scheduled_for", "-id")


def _raw(matching: Matching) -> RawSQL:
    return RawSQL(matching.sql, matching.parameters)  # noqa: S611 - own names; the words are parameters


class Incident(models.Model):
    """An outage or degradation or, with kind `maintenance`, planned work.

    `phase` repeats the newest published update's phase, so that lists need no join.
    `started_at` of a maintenance is its planned start until the work starts.
    """

    id = IdField()
    kind = models.CharField(_("kind"), max_length=12, choices=choices(KINDS), default=Kind.INCIDENT, editable=False)
    title = LocalizedField(_("title"), single_line=True, max_length=200)
    impact = models.CharField(_("impact"), max_length=12, choices=choices(IMPACTS), default=Impact.MINOR)
    phase = models.CharField(
        _("phase"), max_length=14, choices=choices(PHASES), default=Phase.INVESTIGATING, editable=False
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    scheduled_for = models.DateTimeField(_("planned start"), null=True, blank=True)
    scheduled_until = models.DateTimeField(_("planned end"), null=True, blank=True)
    auto_start = models.BooleanField(
        _("start automatically at the planned time"),
        default=False,
        db_default=False,
        help_text=_("The first template for “In progress” is the text, and subscribers are notified."),
    )
    auto_complete = models.BooleanField(
        _("complete automatically at the planned end"),
        default=False,
        db_default=False,
        help_text=_("The first template for “Completed” is the text, and subscribers are notified."),
    )
    remind_week_before = models.BooleanField(
        _("remind subscribers 7 days before the planned start"), default=False, db_default=False
    )
    remind_day_before = models.BooleanField(
        _("remind subscribers 1 day before the planned start"), default=False, db_default=False
    )
    remind_hour_before = models.BooleanField(
        _("remind subscribers 1 hour before the planned start"),
        default=False,
        db_default=False,
        help_text=_("Those who were notified of the maintenance within the last hour are not reminded."),
    )
    # Maintenance that repeats: its series, and the day of the rule, which it keeps when it is moved.
    series = models.ForeignKey(
        "incidents.MaintenanceSeries", models.SET_NULL, null=True, blank=True, editable=False, related_name="made"
    )
    series_day = models.DateField(null=True, blank=True, editable=False)
    # What readers are shown; the scheduler sets it when a planned time passes.
    overdue = models.CharField(max_length=5, default="", db_default="", blank=True, editable=False)
    next_update_by = models.DateTimeField(
        _("next update by"), null=True, blank=True, help_text=_("When readers can expect the next update.")
    )

    user_impact = LocalizedField(_("user impact"), blank=True, help_text=_("What readers notice. Markdown."))
    scope = LocalizedField(_("scope"), blank=True, help_text=_("Which users and systems are affected. Markdown."))
    workaround = LocalizedField(
        _("workaround"), blank=True, help_text=_("What readers can do until it is fixed. Markdown.")
    )
    root_cause = LocalizedField(_("root cause"), blank=True, help_text=_("Why it happened. Markdown."))
    root_cause_status = models.CharField(
        _("root cause is"), max_length=12, choices=choices(ROOT_CAUSE_STATUSES), default=RootCauseStatus.UNKNOWN
    )
    next_steps = LocalizedField(
        _("next steps"), blank=True, help_text=_("What is done to prevent it from happening again. Markdown.")
    )

    upstream_name = models.CharField(
        _("upstream provider"), max_length=200, blank=True, help_text=_("The third party whose failure this is.")
    )
    upstream_url = WebAddressField(_("upstream link"), blank=True, max_length=500)

    # Of the programs that write incidents. It is on no public page.
    metadata = models.JSONField(
        _("metadata"), default=dict, db_default={}, blank=True, editable=False, validators=[check_metadata]
    )

    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)
    # A withdrawn incident keeps its updates, for `publish_again`.
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True, editable=False)
    # When what entries of feeds show of it, the title and the planned time, last changed since it became public.
    revised_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-id")
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        permissions = [("publish_incident", "Can publish incident")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=Kind.INCIDENT, phase__in=INCIDENT_PHASES)
                | Q(kind=Kind.MAINTENANCE, phase__in=MAINTENANCE_PHASES),
                name="incident_phase_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.MAINTENANCE) & Q(impact=Impact.MAINTENANCE)
                | Q(kind=Kind.INCIDENT) & ~Q(impact=Impact.MAINTENANCE) & Q(impact__in=list(Impact)),
                name="incident_impact_fits_kind",
            ),
            models.CheckConstraint(
                # A maintenance may be cancelled long before its planned start.
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")) | Q(phase=Phase.CANCELLED),
                name="incident_ends_after_it_started",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.INCIDENT, scheduled_for__isnull=True, scheduled_until__isnull=True)
                | Q(kind=Kind.MAINTENANCE, scheduled_until__gt=F("scheduled_for")),
                name="maintenance_has_a_window",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=False) | ~Q(phase__in=FINAL_PHASES), name="finished_incident_has_an_end"
            ),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="withdrawn_incident_is_not_public",
            ),
            models.UniqueConstraint(fields=["series", "series_day"], name="maintenance_once_per_day_of_a_series"),
            models.CheckConstraint(
                condition=Q(root_cause_status__in=list(RootCauseStatus)), name="root_cause_status_is_known"
            ),
        ]
        indexes = [
            # The home page and the scheduler select what is not over: few rows among many.
            models.Index(fields=["phase"], condition=~Q(phase__in=FINAL_PHASES), name="incident_open"),
            # The claims that hold at or after a moment: few of a long history.
            models.Index(fields=["ended_at"], name="incident_end"),
            # History by month, and the newest incidents.
            models.Index(fields=["-started_at", "-id"], name="incident_newest"),
        ]

    def __str__(self) -> str:
        return words(self.title) or self.id

    # Django's methods of these names hash the labels of all choices, which translates each of them.
    def get_kind_display(self) -> str:  # type: ignore[no-redef]
        return str(KINDS[Kind(self.kind)])

    def get_phase_display(self) -> str:  # type: ignore[no-redef]
        return str(PHASES[Phase(self.phase)])

    @property
    def is_public(self) -> bool:
        return self.published_at is not None

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None

    @property
    def is_over(self) -> bool:
        return Phase(self.phase).is_final

    @property
    def is_maintenance(self) -> bool:
        return self.kind == Kind.MAINTENANCE

    def overdue_at(self, now: datetime) -> Overdue:
        """Return which of its planned times has passed by now without an update that reports it."""
        if not self.is_public or self.is_over or self.scheduled_for is None or self.scheduled_until is None:
            return Overdue.NOTHING
        if self.scheduled_until <= now:
            return Overdue.END
        return Overdue.START if self.phase == Phase.SCHEDULED and self.scheduled_for <= now else Overdue.NOTHING


class KindManager(models.Manager[Incident]):
    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def get_queryset(self) -> IncidentQuerySet:
        return IncidentQuerySet(self.model, using=self._db).filter(kind=self.kind)


class Maintenance(Incident):
    """Planned work: a proxy, so that it has its own admin."""

    objects = KindManager(Kind.MAINTENANCE)  # type: ignore[assignment, misc]

    class Meta:
        proxy = True
        verbose_name = _("planned maintenance")
        verbose_name_plural = pgettext_lazy("plural", "planned maintenance")
        permissions = [("publish_maintenance", "Can publish planned maintenance")]
