"""Conditions on the labels of an alert: `severity = critical | high`, `instance = web-*`, `env != test`.

A condition is a label, `=` or `!=`, and values separated by `|`, in which `*` stands for any characters. A label that
an alert lacks is empty. Wildcards, not regular expressions: no rule can be so slow that it stops the others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

LABEL = r"[A-Za-z_][A-Za-z0-9_.-]{0,99}"
_CONDITION = re.compile(rf"\s*({LABEL})\s*(!?=)\s*(.*?)\s*")


class NotACondition(ValueError):
    """A line is no condition; it is the only argument."""


@dataclass(frozen=True)
class Condition:
    label: str
    is_negated: bool
    values: tuple[str, ...]

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        found = any(fnmatchcase(value, one.replace("[", "[[]").replace("?", "[?]")) for one in self.values)
        return found is not self.is_negated


@lru_cache(maxsize=1_000)
def parse(text: str) -> tuple[Condition, ...]:
    """Return the conditions of a text with one on each line. Raises NotACondition."""
    return tuple(_condition(line) for line in text.splitlines() if line.strip())


def all_hold(text: str, labels: Mapping[str, str]) -> bool:
    """Whether all conditions of a valid text hold. Without one, they do."""
    return all(condition.holds(labels) for condition in parse(text))


def _condition(line: str) -> Condition:
    found = _CONDITION.fullmatch(line)
    if found is None:
        raise NotACondition(line.strip())
    values = tuple(one.strip().strip('"') for one in found[3].split("|"))
    return Condition(found[1], found[2] == "!=", values)
