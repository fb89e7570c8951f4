"""Derives a component's status over time from claims. Pure: does not import Django.

A claim says that a component has a status during a time, and why. Claims come from

- each public incident, for each component that it names: the status given by its newest
  update that names the component. The opening update, the one published first, speaks
  from the start of the incident, every other update from its own time. Claims end when the incident is over,
  or when one of its updates says that the component is operational;
- a status set by hand, until the next one set by hand.

At every moment a component has the worst of its claims; without any it is operational.
So the order in which things were written down does not matter, and what is taken away
leaves no trace.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

from .status import WORK_PHASES, ComponentStatus, Phase, worst_of

OPERATIONAL = ComponentStatus.OPERATIONAL


class StatedStatus(NamedTuple):
    """What one update of an incident says about one component.

    `at` is the time of the update; of a final one, the time at which the incident was over.
    `opens` marks the opening update of the incident.
    """

    at: datetime
    status: ComponentStatus
    opens: bool = False
    is_final: bool = False


class Step(NamedTuple):
    """From `at` on, the incident gives the component this status."""

    at: datetime
    status: ComponentStatus


class Claim(NamedTuple):
    """The component has a status from `start` up to but not including `end`; None is open-ended.

    `cause` is the id of the incident, "" for a status set by hand.
    """

    status: ComponentStatus
    start: datetime
    end: datetime | None
    cause: str = ""


class Change(NamedTuple):
    """The status from `at` on, and the ids of the incidents with the worst claim, the earliest claim first."""

    at: datetime
    status: ComponentStatus
    causes: tuple[str, ...] = ()


def has_begun(phase: str, timeline: Iterable[str]) -> bool:
    """Whether an incident in this phase claims anything; `timeline` are the phases of its public updates.

    Planned work does not before it starts, nor if it was cancelled before that.
    """
    return phase != Phase.SCHEDULED and (phase != Phase.CANCELLED or any(one in WORK_PHASES for one in timeline))


def steps_of(stated: Sequence[StatedStatus], start: datetime, end: datetime | None) -> list[Step]:
    """Return the statuses that an incident gives one component, in order of time, each different from the last.

    `stated` is in the order of the timeline; `start` and `end` are those of the incident. If it is
    over, the last step is operational.
    """
    steps = [Step(start, one.status) for one in stated if one.opens]
    for at, status, _opens, is_final in stated:
        step = Step(max(at, start), OPERATIONAL if is_final else status)
        while steps and steps[-1].at >= step.at:
            steps.pop()  # a final update may say that it was over before the update that precedes it
        steps.append(step)
    if end is not None and steps:
        steps = [*(step for step in steps if step.at < end), Step(end, OPERATIONAL)]
    return [step for number, step in enumerate(steps) if not number or step.status != steps[number - 1].status]


def claims_of(steps: Sequence[Step], cause: str = "") -> list[Claim]:
    """Return the claims that follow from steps on one component; `cause` is the incident's id, "" if set by hand."""
    ends = [*(step.at for step in steps[1:]), None]
    both = zip(steps, ends, strict=False)  # there are no steps if nothing was said
    return [Claim(step.status, step.at, end, cause) for step, end in both if step.status != OPERATIONAL]


def changes_of(claims: Iterable[Claim]) -> list[Change]:
    """Return the status of a component over time: at every moment the worst of its claims.

    The changes are in order of time; each differs from the one before, in the status or its causes.
    """
    ordered = sorted(claims, key=lambda claim: (claim.start, claim.cause))
    coming = deque(claim for claim in ordered if claim.end is None or claim.start < claim.end)
    holding: dict[int, Claim] = {}  # by number, the earliest first
    ends: list[tuple[datetime, int]] = []  # a heap
    changes: list[Change] = []
    number, state = 0, _worst(())
    while coming or ends:
        at = coming[0].start if coming and not (ends and ends[0][0] < coming[0].start) else ends[0][0]
        while ends and ends[0][0] == at:
            del holding[heappop(ends)[1]]
        while coming and coming[0].start == at:
            holding[number] = claim = coming.popleft()
            if claim.end is not None:
                heappush(ends, (claim.end, number))
            number += 1
        if state != (state := _worst(holding.values())):
            changes.append(Change(at, *state))
    return changes


def status_after(changes: Sequence[Change]) -> ComponentStatus:
    """Return the status since the last change."""
    return changes[-1].status if changes else OPERATIONAL


def _worst(claims: Collection[Claim]) -> tuple[ComponentStatus, tuple[str, ...]]:
    # The worst status and what causes it, of the claims that hold at a moment.
    worst = worst_of(claim.status for claim in claims)
    causes = (claim.cause for claim in claims if claim.status == worst and claim.cause)
    return worst, tuple(dict.fromkeys(causes))
