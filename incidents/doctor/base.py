"""A check and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..notifications.deliverability import Verdict

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True)
class CheckResult:
    """`found` is one line without personal data; `advice` says what to do, and is empty where nothing is to be done."""

    state: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], CheckResult]


def ok(found: str) -> CheckResult:
    return CheckResult(Verdict.OK, found)


def warn(found: str, advice: str) -> CheckResult:
    return CheckResult(Verdict.WARN, found, advice)


def fail(found: str, advice: str) -> CheckResult:
    return CheckResult(Verdict.FAIL, found, advice)


def worst(results: list[CheckResult]) -> CheckResult:
    """Return the first of the worst results, with what all of that state have found. Needs at least one."""
    state = max((one.state for one in results), key=list(Verdict).index)
    same = [one for one in results if one.state == state]
    return CheckResult(state, "; ".join(one.found for one in same), same[0].advice)


def one_line(error: BaseException) -> str:
    """Return the text of an error in one line, or its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def many(number: int, noun: str) -> str:
    """Return a number with its noun, such as “1 account” or “2 accounts”."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(duration: timedelta) -> str:
    """Return a duration in its largest unit, such as “3 hours”."""
    seconds = max(0, int(duration.total_seconds()))
    for name, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {name}s"
    return many(seconds, "second")
