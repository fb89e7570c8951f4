"""The second factor of a member of staff: what an app and this server share, recovery codes, remembered devices."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SecondFactor(models.Model):
    """The secret of one account's authenticator app. It is stored readable, since checking a code needs it.

    `last_step` is the time step of the last accepted code: no code is accepted twice. The row exists once the
    person has typed a code; a new app gets a new row, which ends sessions that an earlier one opened.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="second_factor", verbose_name=_("user")
    )
    secret = models.CharField(max_length=64)
    last_step = models.BigIntegerField(default=0)
    confirmed_at = models.DateTimeField(_("set up"), default=timezone.now)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        default_permissions = ()  # each person changes their own

    def __str__(self) -> str:
        return str(self.user_id)


class RecoveryCode(models.Model):
    """A code for one log-in without the app; `key` is a keyed hash of it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes")
    key = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} {self.used_at or ''}"


class TrustedDeviceQuerySet(models.QuerySet["TrustedDevice"]):
    def valid(self, now: datetime) -> "TrustedDeviceQuerySet":
        return self.filter(expires_at__gt=now)


class TrustedDevice(models.Model):
    """A browser that is not asked for a code for some time.

    `key` is a keyed hash of its token and of the account's password, so that a new password ends it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="trusted_devices")
    key = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    objects = TrustedDeviceQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            # Retention.
            models.Index(fields=["expires_at"], name="trusted_device_expired"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.expires_at:%Y-%m-%d}"
