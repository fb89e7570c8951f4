from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..text import Text
from .fields import LocalizedField
from .incidents import Incident
from .updates import Update


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def held(self) -> "AnnouncementQuerySet":
        """Neither released nor cancelled yet, so they can still be cancelled."""
        return self.filter(expanded_at__isnull=True, cancelled_at__isnull=True)

    def held_for_all(self, update: Update) -> "AnnouncementQuerySet":
        """The held ones of an update whose messages its whole audience gets: a reminder leaves out who knows it."""
        return self.held().filter(update=update).exclude(reason=Announcement.Reason.REMINDER)

    def released(self) -> "AnnouncementQuerySet":
        """Expanded into deliveries."""
        return self.filter(expanded_at__isnull=False)

    def repeated_by(self, newer: "Announcement") -> "AnnouncementQuerySet":
        """Those whose updates a newer announcement repeats, so that it can supersede them."""
        update = newer.update
        return self.released().filter(update__incident=update.incident_id, update__at__lte=update.at, pk__lt=newer.pk)

    def thread_title(self, incident: Incident) -> Text:
        """Return the title in the subjects of all emails about an incident: in each language, what the first one had.

        Mail programs group by subject, so a later title, or translation of it, is in the body only. A language that
        the page did not have then begins with the present title.
        """
        languages = [code for code, _name in settings.LANGUAGES]
        order = [settings.LANGUAGE_CODE, *languages]
        present = {code: incident.title.passage(code, order).text for code in languages}
        last = self.released().filter(update__incident=incident).order_by("-expanded_at", "-id").first()
        return Text({**present, **(last.thread_title if last else {})})


class Announcement(models.Model):
    """The decision that subscribers hear of an update, written in the update's own transaction (the outbox).

    Staff can cancel it until `hold_until`. Then it is released: it expands, once, into
    one delivery per subscriber, and `expanded_at` is set. While `paused_at` is set none
    of its deliveries is sent. A stopped announcement is paused for good, so that a
    delivery that was in flight and failed is not sent again either.
    """

    class Status(models.TextChoices):
        """Derived, not stored: see `status`."""

        HELD = "held", pgettext_lazy("announcement", "Held")
        RELEASED = "released", pgettext_lazy("announcement", "Released")
        PAUSED = "paused", pgettext_lazy("announcement", "Paused")
        STOPPED = "stopped", pgettext_lazy("announcement", "Stopped")
        CANCELLED = "cancelled", pgettext_lazy("announcement", "Cancelled")

    class Reason(models.TextChoices):
        UPDATE = "update", _("New update")
        CORRECTION = "correction", _("Correction")
        TRANSLATION = "translation", _("Translation")
        REMINDER = "reminder", _("Reminder")

    update = models.ForeignKey(Update, models.PROTECT, related_name="announcements", verbose_name=_("update"))
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.UPDATE)
    # Of a translation: the languages in which the text was missing before.
    languages = models.JSONField(default=list, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    hold_until = models.DateTimeField(_("held until"))
    expanded_at = models.DateTimeField(_("expanded"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    # Set on expansion; see `AnnouncementQuerySet.thread_title`.
    thread_title = LocalizedField(single_line=True, max_length=200, blank=True, editable=False)
    # Set on expansion: what earlier updates recorded of the report, if their messages were not all sent by then.
    unsent_report = models.JSONField(default=dict, blank=True, editable=False)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        constraints = [
            models.UniqueConstraint(
                fields=["update"],
                condition=Q(reason="update", cancelled_at__isnull=True),
                name="update_is_announced_once",
            ),
            models.CheckConstraint(
                condition=Q(expanded_at__isnull=True) | Q(cancelled_at__isnull=True),
                name="cancelled_announcement_was_not_expanded",
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True) | Q(paused_at__isnull=False),
                name="stopped_announcement_is_paused",
            ),
        ]
        indexes = [
            # The scheduler looks for announcements to expand every few seconds.
            models.Index(
                fields=["hold_until"],
                condition=Q(expanded_at__isnull=True, cancelled_at__isnull=True),
                name="announcement_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def status(self) -> Status:
        if self.cancelled_at:
            return self.Status.CANCELLED
        if self.expanded_at is None:
            return self.Status.HELD
        if self.stopped_at:
            return self.Status.STOPPED
        return self.Status.PAUSED if self.paused_at else self.Status.RELEASED

    @property
    def is_held(self) -> bool:
        return self.status == self.Status.HELD
