"""Tokens with which programs use the API in the name of a member of staff."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .ids import LENGTH, new_id

# A token ends at the end of its last day, which begins at most 365 days after it was made.
_LONGEST = timedelta(days=367)


class TokenScope(models.TextChoices):
    """What a token is for. `staff.scopes` has the rights of each."""

    READ = "read", pgettext_lazy("scope", "Read")
    DRAFT = "draft", _("Write drafts")
    PUBLISH = "publish", _("Publish and notify")
    COMPONENTS = "components", _("Set component statuses")
    ALERTS = "alerts", _("Send alerts from monitoring")
    SUBSCRIBERS = "subscribers", _("Manage subscribers")
    ADMIN = "admin", _("Change components and the page")


class TokenState(models.TextChoices):
    VALID = "valid", pgettext_lazy("token", "Valid")
    EXPIRED = "expired", pgettext_lazy("token", "Expired")
    REVOKED = "revoked", pgettext_lazy("token", "Revoked")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self, now: datetime) -> "ApiTokenQuerySet":
        """Tokens that are neither revoked nor expired; their owner may still lack the rights."""
        return self.filter(revoked_at=None, expires_at__gt=now)

    def in_state(self, state: TokenState, now: datetime) -> "ApiTokenQuerySet":
        if state == TokenState.REVOKED:
            return self.exclude(revoked_at=None)
        return self.valid(now) if state == TokenState.VALID else self.filter(revoked_at=None, expires_at__lte=now)

    def expiring(self, now: datetime, within: timedelta) -> "ApiTokenQuerySet":
        """Valid tokens that expire soon, whose owner has not been notified of it."""
        return self.valid(now).filter(expires_at__lte=now + within, expiry_notified_at=None)


class ApiToken(models.Model):
    """A token of one account. Its secret is shown once, when it is made; only a hash of it is stored.

    A deleted account leaves its tokens behind without an owner: they are listed, and no longer work.
    """

    # The form with which it is made chooses the id, so that the same form does not make two.
    id = models.CharField(_("id"), primary_key=True, max_length=LENGTH, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=60)
    # The beginning of the secret, by which a leaked one is recognised.
    prefix = models.CharField(_("begins with"), max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=TokenScope), verbose_name=_("scopes"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(pgettext_lazy("token", "made"), default=timezone.now)
    expires_at = models.DateTimeField(pgettext_lazy("token", "expires"))
    expiry_notified_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(pgettext_lazy("token", "revoked"), null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("revoked by")
    )
    last_used_at = models.DateTimeField(_("last used"), null=True)
    last_used_network = models.CharField(_("network"), max_length=50, blank=True)

    # Only of one that was made just now; it is not stored.
    secret = ""

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        # Staff make, see and revoke their own with `add`, and see and revoke all with `change`.
        default_permissions = ("add", "change")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=list(TokenScope.values)) & Q(scopes__len__gt=0),
                name="api_token_scopes_are_known",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"), expires_at__lte=F("created_at") + _LONGEST),
                name="api_token_expires_within_a_year",
            ),
            models.CheckConstraint(
                condition=Q(revoked_by=None) | Q(revoked_at__isnull=False), name="api_token_revoked_at_a_time"
            ),
        ]
        indexes = [
            # The list, everybody's and one person's.
            models.Index(fields=["-created_at", "-id"], name="api_token_newest"),
            models.Index(fields=["created_by", "-created_at"], name="api_token_of_user"),
        ]

    def __str__(self) -> str:
        return self.name

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at:
            return TokenState.REVOKED
        return TokenState.VALID if self.expires_at > now else TokenState.EXPIRED
