"""Three-way merge of what a form was opened on, what its writer made of it, and what is stored now. Pure.

A snapshot maps a field, or a field and a language (`text_da`), to its value as a string.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

Snapshot = Mapping[str, str]
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


@dataclass(frozen=True)
class MergedValue:
    """A value that somebody else changed. `opened` is None if the form does not say what it was opened on."""

    key: str
    opened: str | None
    theirs: str
    mine: str
    merged: str
    collides: bool


def merge(opened: Mapping[str, str | None], mine: Snapshot, theirs: Snapshot) -> list[MergedValue]:
    """Return what differs from the form, in its order: values that others changed and the form has not."""
    changed = (key for key in mine if theirs[key] not in {opened[key], mine[key]})
    return [_difference(key, opened[key], mine[key], theirs[key]) for key in changed]


def _difference(key: str, opened: str | None, mine: str, theirs: str) -> MergedValue:
    merged = None if opened is None else merge_text(opened, mine, theirs)
    return MergedValue(key, opened, theirs, mine, mine if merged is None else merged, merged is None)


def merge_text(opened: str, mine: str, theirs: str) -> str | None:
    """Return a text with the changes of both; None if they changed the same paragraph."""
    if mine in {opened, theirs}:
        return theirs
    if theirs == opened:
        return mine
    before = _paragraphs(opened)
    edits = sorted({*_edits(before, _paragraphs(mine)), *_edits(before, _paragraphs(theirs))})
    if any(_overlap(one, other) for one, other in pairwise(edits)):
        return None
    return "\n\n".join(_applied(before, edits))


def _paragraphs(text: str) -> list[str]:
    return [paragraph for paragraph in _BLANK_LINES.split(text) if paragraph]


Edit = tuple[int, int, tuple[str, ...]]  # the first paragraph replaced, the one after the last, and the new ones


def _edits(before: Sequence[str], after: Sequence[str]) -> Iterable[Edit]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "replace" and end - start == new_end - new_start:  # paragraph by paragraph
            yield from ((start + i, start + i + 1, (after[new_start + i],)) for i in range(end - start))
        elif tag != "equal":
            yield start, end, tuple(after[new_start:new_end])


def _overlap(one: Edit, other: Edit) -> bool:
    # Edits that only touch do not collide, unless both insert at the same place.
    return other[0] < one[1] or one[:2] == other[:2]


def _applied(before: Sequence[str], edits: Sequence[Edit]) -> Iterable[str]:
    done = 0
    for start, end, replacement in edits:
        yield from before[done:start]
        yield from replacement
        done = end
    yield from before[done:]
