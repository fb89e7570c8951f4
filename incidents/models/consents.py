from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .subscribers import Subscriber


class ConsentRecord(models.Model):
    """One step of a subscriber's consent: what they were told, what they agreed to, when and how (GDPR art. 7(1)).

    Append only: a trigger in the database refuses every change. The rows are deleted
    together with the address.
    """

    class Step(models.TextChoices):
        REQUESTED = "requested", pgettext_lazy("consent", "Requested")
        CONFIRMED = "confirmed", pgettext_lazy("consent", "Confirmed")
        CHANGED = "changed", pgettext_lazy("consent", "Changed")
        ENDED = "ended", pgettext_lazy("consent", "Ended")

    class Method(models.TextChoices):
        FORM = "form", pgettext_lazy("consent", "Form")
        EMAIL = "email", pgettext_lazy("consent", "Link in an email")
        PAGE = "page", pgettext_lazy("consent", "Page of the subscription")
        IMPORT = "import", pgettext_lazy("consent", "Import")
        STAFF = "staff", pgettext_lazy("consent", "Staff")
        PROVIDER = "provider", pgettext_lazy("consent", "Report of the email provider")
        UNKNOWN = "unknown", pgettext_lazy("consent", "Unknown")

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="consents", verbose_name=_("subscriber"))
    step = models.CharField(_("step"), max_length=10, choices=Step)
    opt_in_round = models.PositiveIntegerField(_("round"))
    at = models.DateTimeField(_("time"), null=True, blank=True, default=timezone.now, help_text=_("Empty: unknown."))
    # Version of the wording that was shown; empty where none was.
    text = models.CharField(_("consent text"), max_length=20, blank=True)
    method = models.CharField(_("given by"), max_length=10, choices=Method)
    source = models.CharField(_("source of the consent"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=12)
    wants_incidents = models.BooleanField(_("incidents"))
    wants_maintenance = models.BooleanField(_("planned maintenance"))
    # The slugs at that time: components can be renamed and deleted. None means all.
    components = ArrayField(models.CharField(max_length=50), verbose_name=_("components"), blank=True, default=list)
    # The single incidents that were followed then, by id.
    incidents = ArrayField(
        models.CharField(max_length=12), verbose_name=_("single incidents"), blank=True, default=list
    )

    class Meta:
        ordering = ("pk",)
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return f"{self.get_step_display()} {self.opt_in_round}"
