"""Conditions on the labels of alerts."""

import pytest

from incidents.label_matchers import NotACondition, all_hold, parse

LABELS = {"severity": "critical", "instance": "web-1:9100", "odd": "a[b]?"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("severity = critical", True),
        ('severity="critical"', True),
        ("severity = warning | critical", True),
        ("severity != critical", False),
        ("severity != warning|page", True),
        ("instance = web-*", True),
        ("instance = db-*", False),
        ("instance = *:9100\n\nseverity = critical", True),
        ("instance = web-*\nseverity = warning", False),
        ("team = ", True),
        ("team != ", False),
        ("team = ops", False),
        ("odd = a[b]?", True),
        ("odd = a[b]x", False),
        ("severity = CRITICAL", False),
    ],
)
def test_condition_holds_as_it_reads(text: str, expected: bool) -> None:
    assert all_hold(text, LABELS) is expected


@pytest.mark.parametrize("line", ["severity", "severity: critical", "= critical", "1st = a", "a b = c"])
def test_line_that_is_no_condition_is_named(line: str) -> None:
    with pytest.raises(NotACondition, match=line):
        parse(f"severity = a\n{line}")


def test_many_wildcards_are_matched_quickly() -> None:
    assert not all_hold("odd = " + "*a" * 200 + "b", {"odd": "a" * 5_000})
