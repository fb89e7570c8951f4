"""Tags for the newsroom's templates: `{% load newsroom %}`."""

from django import template
from django.urls import reverse

from ..admin.addresses import incident_page
from ..models import Incident
from ..text import Text

register = template.Library()


@register.simple_tag
def newsroom(incident: Incident, step: str = "change", *args: object) -> str:
    """The address of a page about an incident: its own, or a step such as `update`, `draft`, `withdraw`."""
    return incident_page(incident, step, *args)


@register.simple_tag
def newsroom_list(kind: str, view: str = "changelist") -> str:
    """The address of a page about all incidents, or all maintenance."""
    return reverse(f"admin:incidents_{kind}_{view}")


@register.filter
def in_language(text: Text, code: str) -> str:
    """The text in exactly this language; empty where it is missing."""
    return text.get(code, "")
