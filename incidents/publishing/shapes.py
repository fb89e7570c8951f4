"""The shape of each state, drawn once: on pages, in the history bars' table and in the favicon. Pure.

A state is a word, a shape and a colour; the shape tells it where there is no
colour. All are drawn in a square of 16 units and weigh about the same to the eye.
"""

from ..status import STATUS_OF_IMPACT, ComponentStatus, Impact

# What has no component status of its own: planned and not begun, or without consequence.
SCHEDULED = "scheduled"
NONE = "none"

PATHS: dict[str, str] = {
    ComponentStatus.OPERATIONAL: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z",
    ComponentStatus.UNDER_MAINTENANCE: "M2.2 2.2h11.6v11.6H2.2z",
    ComponentStatus.DEGRADED_PERFORMANCE: "M8 1.3 15.6 14.4H.4z",
    ComponentStatus.PARTIAL_OUTAGE: "M8 .3 15.7 8 8 15.7.3 8z",
    ComponentStatus.MAJOR_OUTAGE: (
        "M4.4.9 8 4.5 11.6.9l3.5 3.5L11.5 8l3.6 3.6-3.5 3.5L8 11.5l-3.6 3.6-3.5-3.5L4.5 8 .9 4.4z"
    ),
    SCHEDULED: "M2.2 2.2h11.6v11.6H2.2zm2 2v7.6h7.6V4.2z",
    NONE: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zm0 2a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
}

# No impact is drawn as a ring: the disc says that something is in operation.
BY_IMPACT: dict[str, str] = {**STATUS_OF_IMPACT, Impact.NONE: NONE}
