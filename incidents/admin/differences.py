"""What changed between two texts, word by word."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "removed", "added"]

# A word with the blanks after it, or what stands between words at the beginning of a line.
_TOKEN = re.compile(r"\S+[^\S\n]*|[^\S\n]+|\n+")
# Comparing takes time by the product of the numbers of words, and more if words occur often in both texts. Each of
# these bounds keeps it below some tenths of a second.
_MOST_PAIRS = 1_000_000
_MOST_STEPS = 4_000_000
# Of a long passage that stayed the same, so many words beside a change are shown.
BESIDE = 12


@dataclass(frozen=True)
class Part:
    """A passage of one of the texts, or of both."""

    kind: Kind
    text: str


def differences(before: str, after: str) -> list[Part]:
    """Return both texts as passages that are the same, removed or added.

    Long texts that differ nearly everywhere are removed and added as a whole.
    """
    if not before or not after:
        return _parts([("removed", [before]), ("added", [after])])
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    old_rest, new_rest = old[start : len(old) - end], new[start : len(new) - end]
    return _parts([("same", new[:start]), *_compared(old_rest, new_rest), ("same", new[len(new) - end :])])


def shortened(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with only the words beside the changes of long passages that stayed the same."""
    last = len(parts) - 1
    return [_short(one, index == 0, index == last) if one.kind == "same" else one for index, one in enumerate(parts)]


def _short(part: Part, is_first: bool, is_last: bool) -> Part:
    tokens = _TOKEN.findall(part.text)
    if len(tokens) <= 3 * BESIDE:
        return part
    head = "" if is_first else "".join(tokens[:BESIDE])
    tail = "" if is_last else "".join(tokens[-BESIDE:])
    return Part("same", f"{head}… {tail}")


Passages = list[tuple[Kind, list[str]]]


def _compared(old: list[str], new: list[str]) -> Iterator[tuple[Kind, list[str]]]:
    if len(old) * len(new) > _MOST_PAIRS:
        yield from _replaced(old, new)
        return
    old_words, new_words = [_key(one) for one in old], [_key(one) for one in new]
    # With `autojunk`, the default, words that a long new text repeats often are not looked for.
    matcher = SequenceMatcher(None, old_words, new_words)
    ignored = matcher.bpopular  # type: ignore[attr-defined]  # documented, but not in typeshed
    sought = Counter(word for word in new_words if word not in ignored)
    equal_pairs = sum(sought[word] for word in old_words)
    # It goes through them again for each passage that both texts have, which may be a single word.
    if equal_pairs * min(len(old), len(new)) > _MOST_STEPS:
        yield from _replaced(old, new)
        return
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield "same", new[new_start:new_end]
        else:
            yield from _replaced(old[old_start:old_end], new[new_start:new_end])


def _replaced(old: list[str], new: list[str]) -> Passages:
    return [("removed", old), ("added", new)]


def _parts(passages: Passages) -> list[Part]:
    parts = [Part(kind, "".join(tokens)) for kind, tokens in passages]
    return [part for part in parts if part.text]


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    # The number of words that both begin with.
    pairs = enumerate(zip(old, new, strict=False))
    return next((index for index, (one, other) in pairs if _key(one) != _key(other)), min(len(old), len(new)))


def _key(token: str) -> str:
    # Blanks after a word do not count.
    return token.rstrip(" \t") or token
