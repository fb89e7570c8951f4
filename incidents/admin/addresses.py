"""The addresses of the newsroom's own pages; an incident and a maintenance each have theirs."""

from django.urls import reverse

from ..models import Incident


def incident_page(incident: Incident, step: str = "change", *args: object) -> str:
    """The path of a page about an incident: `change` is its own page, the others are steps on it."""
    return reverse(f"admin:incidents_{incident.kind}_{step}", args=[incident.pk, *args])


def list_page(model: str, query: str = "") -> str:
    return reverse(f"admin:incidents_{model}_changelist") + (f"?{query}" if query else "")
