"""Templates for updates, prepared in advance."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..labels import KINDS, PHASES, choices
from ..status import INCIDENT_PHASES, MAINTENANCE_PHASES, Kind
from .fields import IdField, LocalizedField, key_field

_PLACEHOLDERS = _(
    "Markdown. {components}, {time}, {start}, {end} and {next_update} are replaced by names and times when the "
    "update is published."
)


class TemplateQuerySet(models.QuerySet["UpdateTemplate"]):
    def in_order(self) -> "TemplateQuerySet":
        return self.order_by("kind", "position", "created_at", "id")


class UpdateTemplate(models.Model):
    """A text for one phase, with placeholders for an incident's names and times (`operations.placeholders`).

    The title is used only if the template starts an incident.
    """

    id = IdField()
    key = key_field()
    kind = models.CharField(_("kind"), max_length=12, choices=choices(KINDS), default=Kind.INCIDENT)
    phase = models.CharField(_("phase"), max_length=14, choices=choices(PHASES))
    name = LocalizedField(
        pgettext_lazy("template", "name"), single_line=True, max_length=100, help_text=_("Only staff see it.")
    )
    title = LocalizedField(
        _("title"), blank=True, single_line=True, max_length=200, help_text=_("For a new incident; otherwise unused.")
    )
    text = LocalizedField(_("text"), help_text=_PLACEHOLDERS)
    position = models.PositiveIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("text written beforehand", "template")
        verbose_name_plural = pgettext_lazy("texts written beforehand", "templates")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=Kind.INCIDENT, phase__in=INCIDENT_PHASES)
                | Q(kind=Kind.MAINTENANCE, phase__in=MAINTENANCE_PHASES),
                name="template_phase_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return next(iter(self.name.values()), self.id)
