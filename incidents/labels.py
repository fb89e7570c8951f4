"""The labels of states for readers and staff, the same on pages, in emails, API and admin."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .status import ComponentStatus, Impact, Kind, Phase, RootCauseStatus

KINDS = {
    Kind.INCIDENT: _("Incident"),
    Kind.MAINTENANCE: _("Planned maintenance"),
}

COMPONENT_STATUSES = {
    ComponentStatus.OPERATIONAL: _("Operational"),
    ComponentStatus.DEGRADED_PERFORMANCE: _("Degraded performance"),
    ComponentStatus.PARTIAL_OUTAGE: _("Partial outage"),
    ComponentStatus.MAJOR_OUTAGE: _("Major outage"),
    ComponentStatus.UNDER_MAINTENANCE: _("Under maintenance"),
}

IMPACTS = {
    Impact.NONE: pgettext_lazy("impact", "None"),
    Impact.MINOR: pgettext_lazy("impact", "Minor"),
    Impact.MAJOR: pgettext_lazy("impact", "Major"),
    Impact.CRITICAL: pgettext_lazy("impact", "Critical"),
    Impact.MAINTENANCE: pgettext_lazy("impact", "Maintenance"),
}

PHASES = {
    Phase.INVESTIGATING: pgettext_lazy("phase", "Investigating"),
    Phase.IDENTIFIED: pgettext_lazy("phase", "Problem identified"),
    Phase.MITIGATED: pgettext_lazy("phase", "Mitigated"),
    Phase.RESOLVED: pgettext_lazy("phase", "Resolved"),
    Phase.POSTMORTEM: pgettext_lazy("phase", "Postmortem"),
    Phase.SCHEDULED: pgettext_lazy("phase", "Scheduled"),
    Phase.IN_PROGRESS: pgettext_lazy("phase", "In progress"),
    Phase.VERIFYING: pgettext_lazy("phase", "Verifying"),
    Phase.COMPLETED: pgettext_lazy("phase", "Completed"),
    Phase.CANCELLED: pgettext_lazy("phase", "Cancelled"),
}

ROOT_CAUSE_STATUSES = {
    RootCauseStatus.UNKNOWN: pgettext_lazy("root cause", "Unknown"),
    RootCauseStatus.PRELIMINARY: pgettext_lazy("root cause", "Preliminary"),
    RootCauseStatus.FINAL: pgettext_lazy("root cause", "Final"),
}

# The overall state: one sentence for the worst state of all components.
OVERALL = {
    ComponentStatus.OPERATIONAL: _("All systems are operational"),
    ComponentStatus.UNDER_MAINTENANCE: _("Maintenance is under way"),
    ComponentStatus.DEGRADED_PERFORMANCE: _("Some systems have degraded performance"),
    ComponentStatus.PARTIAL_OUTAGE: _("Some systems have an outage"),
    ComponentStatus.MAJOR_OUTAGE: _("Major outage"),
}


def overall_label(state: str) -> str:
    """Return the sentence for an overall status, or for the state of a page without systems."""
    return str(OVERALL[ComponentStatus(state)] if state in OVERALL else _("No systems are listed yet"))


def choices(labels: Mapping[Any, Promise | str]) -> list[tuple[str, Promise | str]]:
    """Return choices for a model or form field from one of the tables above."""
    return [(state.value, label) for state, label in labels.items()]
