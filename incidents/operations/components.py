"""Verbs on components."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import Component
from ..status import ComponentStatus
from .effects import record_status
from .statements import TOLERANCE


@transaction.atomic
def set_component_status(*, component: Component, status: ComponentStatus, at: datetime | None = None) -> Component:
    """Gives a component a status outside any incident. A backdated change leaves a newer status as it is."""
    at = at or timezone.now()
    if at > timezone.now() + TOLERANCE:
        raise ValidationError({"at": _("This time is in the future.")})
    component = Component.objects.select_for_update().get(pk=component.pk)
    record_status(component, status, at=at, update=None)
    return component
