"""Kinds, component statuses, impacts and phases, and which status is worse. Pure: does not import Django.

The terms are those of incident management; `statuspage_api.py` maps them to the names
of the Statuspage API. Labels for people are in `labels.py`.
"""

from collections.abc import Iterable
from enum import StrEnum


class Kind(StrEnum):
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


class ComponentStatus(StrEnum):
    """A component's current status, from best to worst; the order is the severity."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"

    @property
    def severity(self) -> int:
        return _SEVERITIES[self]


_SEVERITIES = {status: severity for severity, status in enumerate(ComponentStatus)}


class Impact(StrEnum):
    """The severity of an incident; `maintenance` is for planned work only."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"
    MAINTENANCE = "maintenance"


# The status that an incident without components implies.
STATUS_OF_IMPACT: dict[str, ComponentStatus] = {
    Impact.NONE: ComponentStatus.OPERATIONAL,
    Impact.MAINTENANCE: ComponentStatus.UNDER_MAINTENANCE,
    Impact.MINOR: ComponentStatus.DEGRADED_PERFORMANCE,
    Impact.MAJOR: ComponentStatus.PARTIAL_OUTAGE,
    Impact.CRITICAL: ComponentStatus.MAJOR_OUTAGE,
}


class Phase(StrEnum):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @property
    def kind(self) -> Kind:
        return Kind.INCIDENT if self in INCIDENT_PHASES else Kind.MAINTENANCE

    @property
    def is_final(self) -> bool:
        """Whether the incident or maintenance is over in this phase."""
        return self in FINAL_PHASES


INCIDENT_PHASES = (Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MITIGATED, Phase.RESOLVED, Phase.POSTMORTEM)
MAINTENANCE_PHASES = (Phase.SCHEDULED, Phase.IN_PROGRESS, Phase.VERIFYING, Phase.COMPLETED, Phase.CANCELLED)
# Phases in which the work of a maintenance has started and is not over.
WORK_PHASES = (Phase.IN_PROGRESS, Phase.VERIFYING)
FINAL_PHASES = (Phase.RESOLVED, Phase.POSTMORTEM, Phase.COMPLETED, Phase.CANCELLED)


class Overdue(StrEnum):
    """Which planned time of maintenance has passed without an update that reports it."""

    NOTHING = ""
    START = "start"
    END = "end"


class RootCauseStatus(StrEnum):
    UNKNOWN = "unknown"
    PRELIMINARY = "preliminary"
    FINAL = "final"


def phases_of(kind: Kind) -> tuple[Phase, ...]:
    return INCIDENT_PHASES if kind == Kind.INCIDENT else MAINTENANCE_PHASES


def impacts_of(kind: Kind) -> tuple[Impact, ...]:
    if kind == Kind.MAINTENANCE:
        return (Impact.MAINTENANCE,)
    return (Impact.NONE, Impact.MINOR, Impact.MAJOR, Impact.CRITICAL)


def worst_of(statuses: Iterable[ComponentStatus | str]) -> ComponentStatus:
    """Return the worst of the statuses; `operational` if there are none."""
    return max(map(ComponentStatus, statuses), key=lambda status: status.severity, default=ComponentStatus.OPERATIONAL)
