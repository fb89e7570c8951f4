import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks.plot import draw
from benchmarks.results import COLUMNS, HERE, Figure, record, recorded, write

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "aim", "met"),
    [
        (0.8, ">=0.75", True),
        (0.7, ">=0.75", False),
        (301, "<=300", False),
        (1, "", True),
        (0.5, "0.4..0.6", True),
        (0.7, "0.4..0.6", False),
    ],
)
def test_aim_is_met_or_not(value: float, aim: str, met: bool) -> None:
    assert Figure("ratio", value, aim=aim).is_met is met


def test_figure_is_printed_on_one_line() -> None:
    assert Figure("plain_ratio", 0.8125, aim=">=0.75").line("read") == "read plain_ratio=0.812 aim=>=0.75"
    assert Figure("p95", 412.3, "ms", "<=300").line("publish") == "publish p95=412ms aim=<=300 MISSED"


def test_results_are_added_to_a_table_that_is_drawn(tmp_path: Path) -> None:
    table, picture = tmp_path / "results.csv", tmp_path / "results.svg"
    for value in (0.7, 0.8):
        record(
            "read", [Figure("plain_ratio", value, aim=">=0.75"), Figure("rate", 2e4, "/s")], table, ["--rounds", "3"]
        )
    rows = list(recorded(table))
    assert [row["value"] for row in rows] == ["0.7", "20000", "0.8", "20000"]
    assert all(all(row[column] for column in COLUMNS[:6]) and row["options"] == "--rounds 3" for row in rows)
    drawing = ElementTree.fromstring(draw(picture, [table]).read_text(encoding="utf-8"))
    assert [circle.get("class") for circle in drawing.iter(f"{SVG}circle")] == ["run missed", "run", "run", "run"]


def test_table_without_the_newer_columns_is_continued(tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    table.write_text("date,commit,machine,benchmark,figure,value,unit,aim\n2026-11-27,abc,Xeon,read,rate,7,/s,\n")
    record("read", [Figure("rate", 8, "/s")], table)
    assert [(row["value"], row["options"]) for row in recorded(table)] == [("7", ""), ("8", "")]


def test_runs_with_other_options_or_on_another_machine_are_not_drawn_as_one_line(tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    row = dict.fromkeys(COLUMNS, "") | {"benchmark": "read", "figure": "rate", "value": "7", "machine": "A & B"}
    write([row, row | {"options": "--rounds 3"}, row | {"machine": "C"}, row], table)
    drawing = ElementTree.fromstring(draw(tmp_path / "results.svg", [table]).read_text(encoding="utf-8"))
    lines = [line.attrib["points"].split() for line in drawing.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 1, 1]
    height, axes = float(drawing.attrib["height"]), list(drawing.iter(f"{SVG}g"))
    assert len(axes) == 6
    assert all(float(re.findall(r"[\d.]+", group.attrib["transform"])[1]) < height for group in axes)


def test_every_benchmark_is_documented_and_no_other() -> None:
    table = (HERE / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == command.names()


def test_unknown_benchmark_is_answered_with_a_list_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["fly"]) == command.USAGE_ERROR
    usage = capsys.readouterr().err
    assert [name for name in command.names() if f"  {name} " not in usage] == []
    assert "How fast the home page is served" in usage


def test_missed_aim_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "record", lambda *_: None)
    for value, code in ((0.7, 1), (0.8, 0)):
        figures = [Figure("plain_ratio", value, aim=">=0.75")]
        monkeypatch.setattr("benchmarks.read.run", lambda _options, figures=figures: figures)
        assert command.main(["read"]) == code
