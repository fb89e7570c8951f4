"""The shape of each state as one character, the same shapes as on the page: a mail brings no pictures along.

None of them has a form as an emoji, which mail programs would draw in colours of their own.
"""

from dataclasses import dataclass

from ..status import ComponentStatus, Impact, Phase

_GREEN, _GREY = ("#15803d", "#4ade80"), ("#57606a", "#a2abb5")
_BLUE = ("#1d4ed8", "#93c5fd")


@dataclass(frozen=True)
class Sign:
    """`name` is its class in a letter's styles; `colour` is for light paper, `on_dark` for dark."""

    name: str
    mark: str
    colour: str
    on_dark: str


_FINE = Sign("fine", "●", *_GREEN)
_WORK = Sign("work", "■", *_BLUE)
_PLANNED = Sign("planned", "□", *_BLUE)
_NOTHING = Sign("nothing", "○", *_GREY)
_DEGRADED = Sign("degraded", "▲", "#a16207", "#facc15")
_PARTIAL = Sign("partial", "◆", "#c2410c", "#fb923c")
_MAJOR = Sign("major", "✕", "#b91c1c", "#f87171")

ALL = (_FINE, _WORK, _PLANNED, _NOTHING, _DEGRADED, _PARTIAL, _MAJOR)

_BY_STATUS: dict[str, Sign] = {
    ComponentStatus.OPERATIONAL: _FINE,
    ComponentStatus.UNDER_MAINTENANCE: _WORK,
    ComponentStatus.DEGRADED_PERFORMANCE: _DEGRADED,
    ComponentStatus.PARTIAL_OUTAGE: _PARTIAL,
    ComponentStatus.MAJOR_OUTAGE: _MAJOR,
}
_BY_PHASE: dict[str, Sign] = {
    Phase.RESOLVED: _FINE,
    Phase.POSTMORTEM: _FINE,
    Phase.COMPLETED: _FINE,
    Phase.SCHEDULED: _PLANNED,
    Phase.CANCELLED: _NOTHING,
}
_BY_IMPACT: dict[str, Sign] = {
    Impact.NONE: _NOTHING,
    Impact.MINOR: _DEGRADED,
    Impact.MAJOR: _PARTIAL,
    Impact.CRITICAL: _MAJOR,
    Impact.MAINTENANCE: _WORK,
}


def of_status(status: str) -> Sign:
    return _BY_STATUS[status]


def of_phase(phase: str, impact: str) -> Sign:
    """How things are once this was said: what is over is fine again, before that the impact decides."""
    return _BY_PHASE.get(phase) or _BY_IMPACT[impact]
