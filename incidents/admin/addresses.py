"""The addresses of the newsroom's own pages; an incident and a maintenance each have theirs."""

import re

from django.urls import reverse

from ..models import Incident
from ..models.ids import LENGTH

ID = rf"[a-z0-9]{{{LENGTH}}}"


def incident_page(incident: Incident, step: str = "change", *args: object) -> str:
    """The path of a page about an incident: `change` is its own page, the others are steps on it."""
    return reverse(f"admin:incidents_{incident.kind}_{step}", args=[incident.pk, *args])


def list_page(model: str, query: str = "") -> str:
    return reverse(f"admin:incidents_{model}_changelist") + (f"?{query}" if query else "")


def is_id(value: str) -> bool:
    """Whether it can be an id at all; what cannot is not asked of the database, which refuses some of it."""
    return re.fullmatch(ID, value) is not None
