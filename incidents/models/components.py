from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..labels import COMPONENT_STATUSES, choices
from ..status import ComponentStatus
from ..wording import words
from .fields import IdField, LocalizedField, key_field

# The order of components on the page: those without a group first, then group by group. The id makes the order total.
# `page_order` returns the same as a sort key, for a component whose group is fetched.
PAGE_ORDER = (
    models.F("group__position").asc(nulls_first=True),
    "group__created_at",
    "group_id",
    "position",
    "created_at",
    "id",
)


class ComponentGroup(models.Model):
    id = IdField()
    key = key_field()
    name = LocalizedField(_("name"), single_line=True, max_length=100)
    description = LocalizedField(_("description"), blank=True, max_length=1_000)
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Lower numbers come first on the page.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("position", "created_at", "id")
        verbose_name = _("component group")
        verbose_name_plural = _("component groups")

    def __str__(self) -> str:
        return words(self.name)


class ComponentQuerySet(models.QuerySet["Component"]):
    def public(self) -> "ComponentQuerySet":
        """Visible to readers; hidden components appear nowhere public."""
        return self.filter(hidden=False)

    def in_page_order(self) -> "ComponentQuerySet":
        return self.select_related("group").order_by(*PAGE_ORDER)


class Component(models.Model):
    """A part of the service that readers recognise. Only `operations` changes its status."""

    id = IdField()
    slug = models.SlugField(
        _("address name"), max_length=60, unique=True, help_text=_("Part of the component's URL; do not change it.")
    )
    group = models.ForeignKey(
        ComponentGroup, models.SET_NULL, null=True, blank=True, related_name="components", verbose_name=_("group")
    )
    name = LocalizedField(_("name"), single_line=True, max_length=100)
    description = LocalizedField(_("description"), blank=True, max_length=1_000)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=choices(COMPONENT_STATUSES),
        default=ComponentStatus.OPERATIONAL,
        editable=False,
    )
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Lower numbers come first in the group.")
    )
    hidden = models.BooleanField(_("hidden"), default=False, help_text=_("A hidden component appears nowhere public."))
    start_date = models.DateField(
        _("in service since"), null=True, blank=True, help_text=_("History and uptime begin on this day.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ComponentQuerySet.as_manager()

    class Meta:
        ordering = ("position", "created_at", "id")
        verbose_name = _("component")
        verbose_name_plural = _("components")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=[s.value for s in ComponentStatus]), name="component_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return words(self.name)


def page_order(component: Component) -> tuple[tuple[int, datetime, str] | tuple[()], int, datetime, str]:
    """Return a sort key that orders components as PAGE_ORDER does."""
    group = component.group
    place = (group.position, group.created_at, group.pk) if group else ()
    return place, component.position, component.created_at, component.pk
