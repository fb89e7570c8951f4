"""docs/performance.md shows chosen figures of the newest kept run, with those of other products beside them."""

from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import page
from benchmarks.results import COLUMNS, Row, recorded, write


def test_page_is_current() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.text(page.newest()), "`make reference` writes the page again"


def test_chosen_figures_are_measured() -> None:
    """Or their benchmark could not run, and the page says so."""
    rows = list(recorded(page.newest()))
    assert {name.partition(" ")[0] for name in page.chosen()} - set(benchmarks.names()) == set()
    ran = {row["benchmark"] for row in rows}
    found = {f"{row['benchmark']} {row['figure']}" for row in rows}
    assert [name for name in page.chosen() if name.partition(" ")[0] in ran and name not in found] == []


def test_figures_of_others_have_an_address_and_stand_beside_a_chosen_one() -> None:
    others = page.data("peers")
    sources = {source["id"]: source for source in others["sources"]}
    assert {figure["source"] for figure in others["figures"]} == set(sources)
    assert {figure["beside"] for figure in others["figures"]} - set(page.chosen()) == set()
    assert all(source["address"].startswith(("https://", "comparison.md#")) for source in sources.values())
    assert all(source["read"].year >= 2026 for source in sources.values())


def test_newest_table_is_shown(tmp_path: Path) -> None:
    for day in ("2026-11-28", "2027-01-03", "2026-12-31"):
        write([], tmp_path / f"{day}.csv")
    assert page.newest(tmp_path).stem == "2027-01-03"


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (("read", "plain_site", "20900", "/s", ""), "| **20,900/s** | | cState on nginx 39,968/s"),
        (("read", "plain_ratio", "0.812", "", ">=0.75"), "| **81 %** | ≥ 75 %, met | – |"),
        (("weight", "brotli", "16.1", "kB", "<=15"), "| **16.1 kB** | ≤ 15 kB, **missed** | cState 39 kB"),
        (("storm", "torn_bodies", "0", "", "<=0"), "| **0** | none, met | – |"),
        (("enumeration", "subscribe_active", "0.49", "", "0.4..0.6"), "| **0.49** | 0.4–0.6, met | – |"),
        (("defer", "ratio_90", "1.24", "", "<=1.5"), "| **1.24 times** | ≤ 1.5 times, met | – |"),
        (("api", "nothing_chosen", "7", "ms", ""), "| not measured | | Statuspage: at most 60 requests a minute"),
    ],
)
def test_figure_is_shown_with_its_aim_and_others_beside_it(figure: tuple[str, ...], shown: str, tmp_path: Path) -> None:
    table = tmp_path / "2026-11-28.csv"
    own = row_of(figure)
    write([own | {"machine": "Another", "value": "99"}, own], table)
    text = page.text(table).replace("\N{NO-BREAK SPACE}", " ")
    assert shown in text
    assert "28 November 2026" in text


def test_figure_of_a_busy_machine_is_marked(tmp_path: Path) -> None:
    table = tmp_path / "2026-11-28.csv"
    write([row_of(("read", "plain_site", "20900", "/s", "")) | {"busy": "yes"}], table)
    assert "| **20,900/s**\N{NO-BREAK SPACE}† |" in page.text(table)


def row_of(figure: tuple[str, ...]) -> Row:
    shared = {"date": "2026-11-28T04:05:06Z", "machine": "EPYC"}
    columns = ("benchmark", "figure", "value", "unit", "aim")
    return dict.fromkeys(COLUMNS, "") | shared | dict(zip(columns, figure, strict=True))
