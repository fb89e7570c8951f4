"""Log-ins of staff: where somebody is logged in, and where they were in the last ninety days."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# How long an ended session is remembered, so that a log-in from a new device is noticed as one.
REMEMBERED_FOR = timedelta(days=90)


class StaffSessionQuerySet(models.QuerySet["StaffSession"]):
    def active(self, now: datetime) -> "StaffSessionQuerySet":
        """Sessions that are neither ended nor expired; the last used first."""
        running = Q(ended_at=None, created_at__gt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE))
        if settings.SESSION_IDLE_MINUTES:
            running &= Q(last_seen_at__gt=now - timedelta(minutes=settings.SESSION_IDLE_MINUTES))
        return self.filter(running).order_by("-last_seen_at", "-pk")

    def of(self, user: Any) -> "StaffSessionQuerySet":
        return self.filter(user=user)


class StaffSession(models.Model):
    """One log-in. It does not contain the key of Django's session, only its hash, so it lets nobody in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    key_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("logged in"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last used"), default=timezone.now)
    # The last time that the password was given.
    confirmed_at = models.DateTimeField(_("password confirmed"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    network = models.CharField(_("network"), max_length=50)
    browser = models.CharField(_("browser"), max_length=30, blank=True)
    system = models.CharField(_("operating system"), max_length=30, blank=True)
    language = models.CharField(_("language"), max_length=10)

    objects = StaffSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("log-in of staff")
        verbose_name_plural = _("log-ins of staff")
        default_permissions = ()  # each person sees their own
        indexes = [
            # The list of a person's sessions, and whether they have used a device before.
            models.Index(fields=["user", "created_at"], name="staff_session_user"),
            # Retention.
            models.Index(fields=["created_at"], name="staff_session_created"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.device}"

    @property
    def device(self) -> str:
        """Such as “Firefox on Windows”, in the active language."""
        browser = self.browser or gettext("An unknown browser")
        if not self.system:
            return browser
        return gettext("{browser} on {system}").format(browser=browser, system=self.system)
