"""The table of roles in the documentation says what the code says."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from incidents.staff.roles import DEEDS, LABELS, Role, rights_of
from statuspage.local.paths import ROOT


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def table() -> list[str]:
    rows = []
    for right, deed in DEEDS:
        marks = [" ✓ " if right in rights_of(role) else " " for role in Role]
        rows.append(f"| {deed} |{'|'.join(marks)}|")
    return rows


def test_documented_table_of_roles_is_that_of_the_code() -> None:
    lines = (ROOT / "docs/people.md").read_text(encoding="utf-8").split("\n")
    assert f"| | {' | '.join(str(LABELS[role]) for role in Role)} |" in lines
    first = lines.index("|---|---|---|---|---|") + 1
    assert lines[first : first + len(DEEDS)] == table()
