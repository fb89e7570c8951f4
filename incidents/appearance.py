"""The appearance of each state on pages, in emails, chats, feeds, badge, icons and admin. Pure.

A state is a component status, `SCHEDULED` (planned and not started) or `NONE` (without
impact). It has a label (in `labels`), a shape and a colour; the shape identifies it
without colour. Style sheets repeat the colours; a test compares them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .status import STATUS_OF_IMPACT, ComponentStatus, Impact, Phase, worst_of

SCHEDULED = "scheduled"
NONE = "none"


@dataclass(frozen=True)
class Appearance:
    """Colours are `#rrggbb`, with a contrast of 4.5:1 to their background (WCAG 1.4.3)."""

    state: str  # the CSS class is `state-<state>`
    path: str  # the shape, in a square of 16 units; all have about the same visual weight
    glyph: str  # the shape as a character that is not an emoji
    light: str  # on white, in print and on badges
    dark: str  # on a dark background
    icon: str  # between the two, since browser tabs may be light or dark


_MAINTENANCE = ("#2a63b8", "#83b1f7", "#3f7fdc")

_ALL = (
    Appearance(
        ComponentStatus.OPERATIONAL, "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z", "●",
        "#1d7a4b", "#56c48c", "#2e9e63",
    ),
    Appearance(ComponentStatus.UNDER_MAINTENANCE, "M2.2 2.2h11.6v11.6H2.2z", "■", *_MAINTENANCE),
    Appearance(
        ComponentStatus.DEGRADED_PERFORMANCE, "M8 1.3 15.6 14.4H.4z", "▲",
        "#8f6200", "#e6b84c", "#d69a00",
    ),
    Appearance(
        ComponentStatus.PARTIAL_OUTAGE, "M8 .3 15.7 8 8 15.7.3 8z", "◆",
        "#b84a08", "#f6935a", "#e0701f",
    ),
    Appearance(
        ComponentStatus.MAJOR_OUTAGE,
        "M4.4.9 8 4.5 11.6.9l3.5 3.5L11.5 8l3.6 3.6-3.5 3.5L8 11.5l-3.6 3.6-3.5-3.5L4.5 8 .9 4.4z", "✕",
        "#b8141f", "#ff7d7f", "#dc3a40",
    ),
    Appearance(SCHEDULED, "M2.2 2.2h11.6v11.6H2.2zm2 2v7.6h7.6V4.2z", "□", *_MAINTENANCE),
    Appearance(
        NONE, "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zm0 2a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z", "○",
        "#5a626b", "#a3abb4", "#868e97",
    ),
)  # fmt: skip

APPEARANCES: dict[str, Appearance] = {str(one.state): one for one in _ALL}

# No impact is a ring; the disc means operational.
STATE_OF_IMPACT: dict[str, str] = {**STATUS_OF_IMPACT, Impact.NONE: NONE}


def state_of(phase: str, impact: str, statuses: Iterable[str]) -> str:
    """Return the state of a whole incident in a phase; `statuses` are those of its public components.

    The worst component decides. If all are operational, or there are none, the impact decides.
    """
    if phase == Phase.SCHEDULED:
        return SCHEDULED
    if phase == Phase.CANCELLED:
        return NONE
    if Phase(phase).is_final:
        return ComponentStatus.OPERATIONAL
    worst = worst_of(statuses)
    return STATE_OF_IMPACT[impact] if worst == ComponentStatus.OPERATIONAL else worst
