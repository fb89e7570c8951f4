from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

TRUSTED_FOR = timedelta(days=7)  # how long an MX lookup stays valid


class MailDomainQuerySet(models.QuerySet["MailDomain"]):
    def known(self, now: datetime) -> "MailDomainQuerySet":
        """Domains with a lookup that is still valid."""
        return self.filter(known_at__gt=now - TRUSTED_FOR)


class MailDomain(models.Model):
    """The MX group of a recipient domain.

    Looked up in advance (`notifications.ledger.mx`), so that no delivery waits for DNS.
    Domains with the same `group` are one destination. A domain without known servers is
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
