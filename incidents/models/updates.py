"""Updates of incidents, the components they affect, and their texts before corrections."""

from datetime import datetime
from typing import Any

from django.conf import global_settings, settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..labels import COMPONENT_STATUSES, PHASES, choices
from ..status import ComponentStatus, Phase, worst_of
from .components import Component
from .fields import IdField, LocalizedField, MarkdownField, WebAddressField
from .incidents import Incident
from .status_changes import StatusChange


def language_choices() -> list[tuple[str, str]]:
    """Return every language that Django can name: an upstream provider may use one that the page does not have."""
    own = dict(settings.LANGUAGES)
    return [*own.items(), *((code, str(name)) for code, name in global_settings.LANGUAGES if code not in own)]


class UpdateQuerySet(models.QuerySet["Update"]):
    def public(self) -> "UpdateQuerySet":
        """The one visibility rule, for updates: published, in an incident that is."""
        return self.filter(published_at__isnull=False, incident__published_at__isnull=False)

    def newest_first(self) -> "UpdateQuerySet":
        return self.order_by("-at", "-created_at", "-id")

    def due(self, now: datetime) -> "UpdateQuerySet":
        """Scheduled updates that are due, in their planned order."""
        return self.filter(published_at__isnull=True, publish_at__lte=now).order_by("publish_at", "id")


class Update(models.Model):
    """One timestamped statement in an incident.

    Draft: neither `published_at` nor `publish_at`. Scheduled: `publish_at` only.
    `at` is the time that readers see and may be backdated. `quote` is a statement of the
    upstream provider in its own language, kept apart from our own text.
    """

    id = IdField()
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="updates", verbose_name=_("incident"))
    phase = models.CharField(_("phase"), max_length=14, choices=choices(PHASES))
    text = LocalizedField(_("text"), blank=True, help_text=_("What is known now. Markdown."))
    quote = MarkdownField(
        _("quoted statement"),
        blank=True,
        max_length=20_000,
        help_text=_("The upstream provider's own words. Markdown."),
    )
    quote_language = models.CharField(_("language of the quote"), max_length=12, blank=True, choices=language_choices)
    quote_url = WebAddressField(_("source of the quote"), max_length=500, blank=True)
    at = models.DateTimeField(_("time"), default=timezone.now, help_text=_("The time readers see."))
    ended_at = models.DateTimeField(
        _("ended at"), null=True, blank=True, help_text=_("For a final update; empty means the update's time.")
    )
    publish_at = models.DateTimeField(_("publish at"), null=True, blank=True)
    # Becomes the incident's `next_update_by` when the update is published.
    next_update_by = models.DateTimeField(_("next update by"), null=True, blank=True)
    notify = models.BooleanField(_("notify subscribers"), default=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)
    corrected_at = models.DateTimeField(_("corrected"), null=True, blank=True, editable=False)
    # What of the incident's report was given or changed with this update; see `operations.report`.
    report = models.JSONField(default=dict, blank=True, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, verbose_name=_("author")
    )
    # The name of the token with which an agent drafted it, for the person who approves it.
    agent = models.CharField(
        _("drafted by the agent"), max_length=60, blank=True, default="", db_default="", editable=False
    )
    components = models.ManyToManyField(Component, through="AffectedComponent", related_name="updates")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UpdateQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-created_at", "-id")
        verbose_name = _("update")
        verbose_name_plural = _("updates")
        constraints = [
            models.CheckConstraint(condition=Q(phase__in=list(Phase)), name="update_phase_is_known"),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True) | Q(publish_at__isnull=True),
                name="public_update_is_not_scheduled",
            ),
            models.CheckConstraint(condition=Q(quote="") | ~Q(quote_language=""), name="quote_says_its_language"),
        ]
        indexes = [
            # An incident's timeline; below, the newest updates of all for the feeds.
            models.Index(fields=["incident", "-at"], name="update_timeline"),
            models.Index(fields=["-at"], condition=Q(published_at__isnull=False), name="update_newest"),
            # The scheduler looks for due updates every few seconds.
            models.Index(
                fields=["publish_at"],
                condition=Q(published_at__isnull=True, publish_at__isnull=False),
                name="update_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_phase_display()} {self.at:%Y-%m-%d %H:%M}"

    def get_phase_display(self) -> str:  # type: ignore[no-redef]
        """Return the label. Django's method hashes, and so translates, those of all phases."""
        return str(PHASES[Phase(self.phase)])

    @property
    def is_public(self) -> bool:
        return self.published_at is not None

    @property
    def changed_at(self) -> datetime:
        """When the public text last changed."""
        return max(self.at, self.corrected_at or self.at)

    @property
    def corrected_texts(self) -> list["UpdateRevision"]:
        """The earlier texts, newest first, without those that a translation only added a language to."""
        earlier = list(self.revisions.all())
        return [text for text, later in zip(earlier, [self, *earlier], strict=False) if not _is_translated(text, later)]

    @property
    def is_final(self) -> bool:
        return Phase(self.phase).is_final

    @property
    def is_scheduled(self) -> bool:
        return self.published_at is None and self.publish_at is not None


class AffectedComponentQuerySet(models.QuerySet["AffectedComponent"]):
    def with_derived_status(self) -> "AffectedComponentQuerySet":
        """Fetch the status that the component has at the time of the update, and its causes, for `actual`."""
        until_then = StatusChange.objects.filter(component=OuterRef("component"), at__lte=OuterRef("update__at"))
        last = until_then.order_by("-at")
        return self.annotate(
            derived_status=Subquery(last.values("status")[:1]), derived_causes=Subquery(last.values("causes")[:1])
        )


class AffectedComponent(models.Model):
    """The status an update gives a component. What the component has then is derived; see `claims`."""

    update = models.ForeignKey(Update, models.CASCADE, related_name="affected")
    component = models.ForeignKey(Component, models.CASCADE, related_name="affected")
    status = models.CharField(_("status"), max_length=20, choices=choices(COMPONENT_STATUSES))

    objects = AffectedComponentQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name = _("affected component")
        verbose_name_plural = _("affected components")
        constraints = [
            models.UniqueConstraint(fields=["update", "component"], name="component_once_per_update"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ComponentStatus]), name="affected_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.component_id}: {self.status}"

    @property
    def stated(self) -> ComponentStatus:
        """The status as far as this incident is concerned: operational once it is over."""
        return ComponentStatus.OPERATIONAL if self.update.is_final else ComponentStatus(self.status)

    @property
    def actual(self) -> ComponentStatus:
        """The status that the component has as of the update; call `with_derived_status` on the queryset."""
        derived: str | None = self.derived_status  # type: ignore[attr-defined]
        causes: list[str] | None = self.derived_causes  # type: ignore[attr-defined]
        if derived is None or causes == [self.update.incident_id]:
            return self.stated  # its own claim can differ if the times of the incident were corrected
        return worst_of([self.stated, derived])


class UpdateRevision(models.Model):
    """The text of a published update before a correction; public, except for who corrected it."""

    update = models.ForeignKey(Update, models.CASCADE, related_name="revisions")
    text = LocalizedField(blank=True)
    quote = models.TextField(blank=True)
    quote_language = models.CharField(max_length=12, blank=True)
    quote_url = WebAddressField(max_length=500, blank=True)
    replaced_at = models.DateTimeField(default=timezone.now)
    replaced_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ("-replaced_at", "-id")
        verbose_name = _("earlier text")
        verbose_name_plural = _("earlier texts")

    def __str__(self) -> str:
        return f"{self.update_id} {self.replaced_at:%Y-%m-%d %H:%M}"


def _is_translated(earlier: UpdateRevision, later: Any) -> bool:
    # Whether the later text only adds languages to the earlier one.
    quote = ("quote", "quote_language", "quote_url")
    same_quote = all(getattr(earlier, name) == getattr(later, name) for name in quote)
    stays = all(later.text.get(code) == said for code, said in earlier.text.items())
    return same_quote and bool(earlier.text) and stays
