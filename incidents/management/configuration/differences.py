"""Shows a plan as text, like `diff`: + is added, - is removed, ~ changes."""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from .comparison import Mark, Plan, PlannedStep
from .writing import toml

# The mark at the beginning, for the colour, and the line.
Line = tuple[str, str]


def shown(plan: Plan) -> Iterator[Line]:
    """Yield the lines: each thing with its fields, what is kept, and a summary."""
    for step in plan.steps:
        yield from _step(step)
    if plan.kept:
        yield "", "Not in the file, kept:"
        yield from (("", f"  {path}") for path in plan.kept)
    yield "", summary(plan)


def summary(plan: Plan) -> str:
    if not plan.steps:
        return "No changes."
    counts = {mark: sum(step.mark == mark for step in plan.steps) for mark in Mark}
    return f"{counts[Mark.ADD]} to add, {counts[Mark.CHANGE]} to change, {counts[Mark.REMOVE]} to remove."


def _step(step: PlannedStep) -> Iterator[Line]:
    note = f" (was {step.was})" if step.was else ""
    if step.mark == Mark.REMOVE:
        note = f" (will be {step.section.removal})"
    yield step.mark, f"{step.mark} {step.section.path(step.key)}{note}"
    for leaf, after in step.after.items():
        if step.mark == Mark.CHANGE or leaf != "position":
            yield from _leaf(leaf, step.before.get(leaf, ""), after)


def _leaf(leaf: str, before: Any, after: Any) -> Iterator[Line]:
    if before in ("", []):
        yield from _one("+", leaf, after)
    elif after in ("", []):
        yield from _one("-", leaf, before)
    elif "\n" in f"{before}{after}":
        yield "~", f"    ~ {leaf}"
        lines = list(unified_diff(str(before).split("\n"), str(after).split("\n"), lineterm=""))[2:]  # without names
        yield from ((line[0].strip(), f"      {line[0]} {line[1:]}") for line in lines if not line.startswith("@@"))
    else:
        yield "~", f"    ~ {leaf} = {toml(before)} -> {toml(after)}"


def _one(mark: str, leaf: str, value: Any) -> Iterator[Line]:
    first, *rest = f"{leaf} = {toml(value)}".split("\n")
    yield mark, f"    {mark} {first}"
    yield from ((mark, f"    {mark}   {line}") for line in rest)
