"""Accounts of other systems that log in to an account here, and one-time links that do so."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ExternalAccount(models.Model):
    """Whom single sign-on knows an account as. A provider may reuse names and addresses, but never a subject."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="external_accounts")
    # The address of the OpenID provider, or `remote-user`.
    issuer = models.CharField(_("provider"), max_length=255)
    subject = models.CharField(_("identifier"), max_length=255)
    created_at = models.DateTimeField(_("linked"), default=timezone.now)

    class Meta:
        verbose_name = _("external account")
        verbose_name_plural = _("external accounts")
        default_permissions = ()  # those who may change the account may change them
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="external_account_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.subject}"


class LogInLink(models.Model):
    """A link that takes the place of a password once; `key` is a keyed hash of its token."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} {self.expires_at:%Y-%m-%d %H:%M}"
