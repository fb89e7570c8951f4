"""Writes docs/performance.md: chosen figures of the newest table in results/, with those of other products beside them.

page.toml chooses the figures and says what they mean; peers.toml has the others, with their sources.
"""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.results import HERE, KEPT, Figure, Row, bounds, recorded
from statuspage.local.paths import ROOT

PAGE = Path(ROOT, "docs", "performance.md")
NOT_MEASURED = "not measured"
_SPACE = "\N{NO-BREAK SPACE}"
_HEAD = """\
# Performance

<!-- Written by `make reference` from files in benchmarks/; tests/test_benchmarks.py compares. -->

What readers, subscribers and staff wait for, and what happens under attack and when processes die. Measured on
{date} with commit `{commit}` on one machine, over loopback, with PostgreSQL, Valkey, the mail
server and all clients on it as well: {machine}. The [table of that day]({table})
has all {number} figures.

`make bench NAME=all` repeats the run on your machine and writes this page again.
Figures of two machines cannot be compared, so many aims compare two things in one run. [scale.md](scale.md) says which
setting to change when.

The figures of others were published by their makers or users, or are from our own trial on a machine of the same size.
A dash means that we found none. [comparison.md](comparison.md) has more about them. † was measured while the
machine was busy with other work.
"""


def write_page(page: Path = PAGE) -> Path:
    page.write_text(text(newest()), encoding="utf-8")
    return page


def newest(folder: Path = KEPT) -> Path:
    """The table of the last day on which `all` ran."""
    return max(folder.glob("*.csv"))


def text(table: Path) -> str:
    """Return the page, with the figures that the last machine in the table measured."""
    rows = list(recorded(table))
    rows = [row for row in rows if row["machine"] == rows[-1]["machine"]]
    found = {f"{row['benchmark']} {row['figure']}": row for row in rows}
    last = rows[-1]
    day, link = datetime.fromisoformat(last["date"]), f"../benchmarks/results/{table.name}"
    facts = {"machine": last["machine"], "date": _date(day), "commit": last["commit"]}
    head = _HEAD.format(**facts, table=link, number=len(rows))
    numbers = {source["id"]: number for source, number in zip(data("peers")["sources"], count(1), strict=False)}
    groups = (_group(group, found, numbers) for group in data("page")["groups"])
    return "\n".join([head, *groups, _sources()])


def chosen() -> list[str]:
    """The figures on the page: `read plain_ratio`."""
    return [name for group in data("page")["groups"] for name, *_rest in group["figures"]]


def _group(group: dict[str, Any], found: dict[str, Row], numbers: dict[str, int]) -> str:
    lines = [f"## {group['title']}", "", group["about"], ""]
    lines += ["| | This product | Aim | Others |", "|---|---|---|---|"]
    for name, meaning, *unit in group["figures"]:
        others = "; ".join(_peers(name, numbers)) or "–"
        cells = [meaning, *_measured(found.get(name), *unit), others]
        lines.append(f"| {' | '.join(cells)} |".replace("|  ", "| "))
    rows = [found[name] for name, *_rest in group["figures"] if name in found]
    how = dict.fromkeys(f"`{row['benchmark']} {row['options']}".rstrip() + "`" for row in rows)
    return "\n".join([*lines, "", f"Benchmarks: {', '.join(how)}." if how else "", ""])


def _measured(row: Row | None, unit: str = "") -> tuple[str, str]:
    """The value, with a ratio in the given unit, and its aim."""
    if row is None:
        return NOT_MEASURED, ""
    figure = Figure.of(row | {"unit": unit or row["unit"]})
    return f"**{_number(figure.value, figure.unit)}**{f'{_SPACE}†' if row['busy'] else ''}", _aim(figure)


def _aim(figure: Figure) -> str:
    """`≤ 300 ms, met`."""
    if not figure.aim:
        return ""
    sign = {">=": "≥", "<=": "≤"}.get(figure.aim[:2], "")
    limits = dict.fromkeys(_number(bound, figure.unit) for bound in bounds(figure.aim))
    aim = "none" if figure.aim == "<=0" else f"{sign}{_SPACE}{'–'.join(limits)}".strip()
    return f"{aim}, {'met' if figure.is_met else '**missed**'}"


def _number(value: float, unit: str) -> str:
    """`20,900/s`, `81.2 ms`, `85 %`, `3.12 times`."""
    if unit == "%":
        value *= 100
    number = f"{value:,.0f}" if abs(value) >= 100 or unit == "%" else f"{value:g}"
    return number + (unit if unit in {"", "/s"} else f"{_SPACE}{unit}")


def _peers(name: str, numbers: dict[str, int]) -> Iterator[str]:
    for figure in data("peers")["figures"]:
        if figure["beside"] == name:
            yield f"{figure['text']} [{numbers[figure['source']]}]"


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _sources() -> str:
    lines = ["## Sources", ""]
    for number, source in enumerate(data("peers")["sources"], 1):
        lines.append(f"{number}. [{source['title']}]({source['address']}), read on {_date(source['read'])}.")
    return "\n".join([*lines, ""])


@cache
def data(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
