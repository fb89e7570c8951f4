"""Templates and style sheets that can be read on one screen."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120
SHEETS = sorted((ROOT / "static" / "css").rglob("*.css"))
FILES = [*SHEETS, *(path for path in (ROOT / "templates").rglob("*") if path.is_file())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_line_is_longer_than_120_characters(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, start=1) if len(line) > LONGEST] == []


def test_no_style_sheet_is_longer_than_150_lines() -> None:
    assert [path.name for path in SHEETS if len(path.read_text(encoding="utf-8").splitlines()) > 150] == []


def test_admin_loads_every_style_sheet_of_its_own() -> None:
    base = (ROOT / "templates" / "admin" / "_styles.html").read_text(encoding="utf-8")
    loaded = re.findall(r'{% static "css/admin/(\w+)\.css" %}', base)
    assert sorted(loaded) == [path.stem for path in SHEETS if path.parent.name == "admin"]
