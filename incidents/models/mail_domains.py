from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

# An answer of the name servers is believed for so long.
TRUSTED_FOR = timedelta(days=7)


class MailDomainQuerySet(models.QuerySet["MailDomain"]):
    def known(self, now: datetime) -> "MailDomainQuerySet":
        """Those that need not be looked up again yet."""
        return self.filter(known_at__gt=now - TRUSTED_FOR)


class MailDomain(models.Model):
    """Which servers take the mail of a domain that subscribers have, as far as is known.

    Looked up ahead (`notifications.hosts`), so that no letter ever waits for DNS. What
    has the same `group` is one destination. A domain whose servers nobody could name is
    a group of its own.
    """

    name = models.CharField(_("name"), max_length=255, primary_key=True)
    group = models.CharField(_("mail servers"), max_length=255)
    known_at = models.DateTimeField(_("looked up"))

    objects = MailDomainQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail domain")
        verbose_name_plural = _("mail domains")

    def __str__(self) -> str:
        return self.name
