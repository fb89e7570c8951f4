"""Compares a file with the database: which steps make the page what the file says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from incidents.staff.actors import Actor

from .fields import Leaves
from .reading import Faulty
from .registry import SECTIONS
from .sections import FileSection, PageFile, Row, Thing

_Place = tuple[int, datetime, str]
_FIRST: _Place = (0, datetime.min.replace(tzinfo=UTC), "")
_NEW = datetime.max.replace(tzinfo=UTC)


class Mark(StrEnum):
    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"


@dataclass
class PlannedStep:
    """A thing that is added, changed or removed: the leaves that differ, and all that it will have."""

    section: FileSection
    mark: Mark
    key: str
    row: Any = None
    was: str = ""
    before: Leaves = field(default_factory=dict)
    after: Leaves = field(default_factory=dict)
    target: Leaves = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        return self.section.values(self.target, iter(self.after))

    def run(self, by: Actor) -> None:
        match self.mark:
            case Mark.ADD:
                self.section.add(self.key, self.values(), by)
            case Mark.CHANGE:
                self.section.edit(self.row, self.key, self.values(), by)
            case Mark.REMOVE:
                self.section.remove(self.row, by)


@dataclass
class Plan:
    """The steps in their order, and the paths of what is in the database and not in the file."""

    steps: list[PlannedStep] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def run(self, by: Actor) -> None:
        """Store everything; call it in a transaction."""
        removals = [step for step in self.steps if step.mark == Mark.REMOVE]
        # What other things need is added before them and removed after them.
        for step in [*(step for step in self.steps if step.mark != Mark.REMOVE), *reversed(removals)]:
            step.run(by)


def compare(document: PageFile, *, prune: bool) -> Plan:
    """Return what must be done. With `prune`, also what removes what the file does not have. Raises Faulty."""
    plan = Plan()
    faults: list[str] = []
    for section in SECTIONS:
        if section.name in document.things:
            steps = _compare(section, document.things[section.name], plan, prune)
            faults += [
                fault
                for step in steps
                if step.mark != Mark.REMOVE
                for fault in section.faults(step.row, step.key, step.values())
            ]
            plan.steps += steps
    if faults:
        raise Faulty(faults)
    return plan


def _compare(section: FileSection, things: dict[str, Thing], plan: Plan, prune: bool) -> list[PlannedStep]:
    rows = {row.key: row for row in section.stored()}
    defaults = section.leaves_of(section.model())
    steps: list[PlannedStep] = []
    targets = []
    for thing in things.values():
        row = rows.pop(thing.key, None) or rows.pop(thing.was, None)
        current = row.leaves if row else {}
        unsaid = [leaf for leaf in current if leaf not in thing.leaves and current[leaf] != defaults.get(leaf, "")]
        cleared = {leaf: defaults.get(leaf, "") for leaf in unsaid} if prune else {}
        plan.kept += [] if prune else [section.path(thing.key) + f".{leaf}" for leaf in unsaid]
        targets.append((thing.key, row, {**current, **cleared, **thing.leaves}))
    positions = _positions(section, targets) if section.has_position else {}
    for key, row, target in targets:
        steps += _steps(section, key, row, {**target, **positions.get(key, {})})
    if prune:
        steps += [PlannedStep(section, Mark.REMOVE, row.key, row.row) for row in rows.values() if not row.is_gone]
    else:
        plan.kept += [section.path(key) for key in rows]
    return steps


def _steps(section: FileSection, key: str, row: Row | None, target: Leaves) -> Iterator[PlannedStep]:
    # None or one.
    if row is None:
        yield PlannedStep(section, Mark.ADD, key, after=target, target=target)
        return
    current = {**row.leaves, "position": getattr(row.row, "position", 0)}
    differing = [leaf for leaf, value in target.items() if value != current.get(leaf, "")]
    was = row.key if row.key != key else ""
    if differing or was:
        before = {leaf: current.get(leaf, "") for leaf in differing}
        after = {leaf: target[leaf] for leaf in differing}
        yield PlannedStep(section, Mark.CHANGE, key, row.row, was, before, after, target)


def _positions(section: FileSection, targets: list[tuple[str, Row | None, Leaves]]) -> dict[str, Leaves]:
    # The positions that put things into the order of the file. Those that are in order keep theirs.
    last: dict[str, _Place] = {}
    positions: dict[str, Leaves] = {}
    for key, row, target in targets:
        bucket = section.bucket(target)
        before = last.get(bucket, _FIRST)
        place = (row.row.position, row.row.created_at, row.row.pk) if row else (before[0], *_FIRST[1:])
        if place <= before:
            place = (before[0] + 1, row.row.created_at if row else _NEW, row.row.pk if row else "")
        last[bucket] = place
        positions[key] = {"position": place[0]}
    return positions
