"""Draws all results: a section per benchmark, and in it a small chart per figure with a point per run."""

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from benchmarks.results import HERE, KEPT, TABLE, Figure, Row, bounds, recorded

PICTURE = HERE / "results.svg"
COLUMNS, WIDTH, HEIGHT, MARGIN = 4, 300, 150, 24
TOP, BOTTOM = 62, 26  # space in a chart above and below its points
HEAD, SECTION = 100, 60  # height of the title, and of the heading of a section
_TITLE = "Results of the benchmarks"
_ABOUT = [
    "A point is one run, from the oldest on the left to the newest on the right; its tooltip has the date and commit.",
    "The dashed line is the aim, and a red point misses it. Runs with other options or on another machine are apart.",
]
_STYLE = """
svg{--page:#fff;--ink:#111;--quiet:#555;--faint:#c8c8c8;--run:#1769aa;--bad:#b3261e;color-scheme:light dark}
@media(prefers-color-scheme:dark){
svg{--page:#14171a;--ink:#f1f1f1;--quiet:#b4b4b4;--faint:#4a4a4a;--run:#6db3f2;--bad:#ff8a80}}
.page{fill:var(--page)}text{font:12px system-ui,sans-serif;fill:var(--quiet)}
.title{font-size:22px;font-weight:600;fill:var(--ink)}.benchmark{font-size:16px;font-weight:600;fill:var(--ink)}
.name{font-weight:600;fill:var(--ink)}.value{font-size:16px;fill:var(--ink)}.value.missed{fill:var(--bad)}
.run{fill:var(--run)}.run.missed{fill:var(--bad)}.line{fill:none;stroke:var(--run);stroke-width:1.5}
.aim{stroke:var(--quiet);stroke-dasharray:4 3}.axis{stroke:var(--faint)}
"""


def draw(picture: Path = PICTURE, tables: Iterable[Path] | None = None) -> Path:
    """Write the picture, of the kept tables and the local one unless others are given, and return its path."""
    rows = [row for table in tables or [*sorted(KEPT.glob("*.csv")), TABLE] for row in recorded(table)]
    parts, height = [], HEAD
    for _key, group in groupby(sorted(rows, key=_section_of), key=_section_of):
        section = list(group)
        charts = list(_charts(section))
        parts.append(f'<g transform="translate(0 {height})">{_heading(section[-1])}{"".join(charts)}</g>')
        height += SECTION + HEIGHT * -(-len(charts) // COLUMNS)
    about = (f'<text x="{MARGIN}" y="{62 + 18 * number}">{line}</text>' for number, line in enumerate(_ABOUT))
    frame = f'width="{WIDTH * COLUMNS}" height="{height}" viewBox="0 0 {WIDTH * COLUMNS} {height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img" aria-labelledby="title">',
        f'<title id="title">{_TITLE}</title><style>{_STYLE}</style><rect class="page" width="100%" height="100%"/>',
        f'<text class="title" x="{MARGIN}" y="36">{_TITLE}</text>{"".join(about)}',
    ]
    picture.write_text("\n".join([*head, *parts, "</svg>"]) + "\n", encoding="utf-8")
    return picture


def _section_of(row: Row) -> tuple[str, ...]:
    return row["benchmark"], row["options"], row["machine"]


def _heading(row: Row) -> str:
    options = escape(f"{row['benchmark']} {row['options']}".rstrip())
    rule = f'<path class="axis" d="M{MARGIN} 12H{WIDTH * COLUMNS - MARGIN}"/>'
    machine = f'<text x="{WIDTH * COLUMNS - MARGIN}" y="38" text-anchor="end">{escape(row["machine"])}</text>'
    return f'{rule}<text class="benchmark" x="{MARGIN}" y="38">{options}</text>{machine}'


def _charts(rows: list[Row]) -> Iterator[str]:
    """A chart for each figure, in the order in which the benchmark prints them."""
    by_figure: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["date"]):
        by_figure.setdefault(row["figure"], []).append(row)
    for number, runs in enumerate(by_figure.values()):
        x, y = number % COLUMNS * WIDTH, SECTION + number // COLUMNS * HEIGHT
        yield f'<g transform="translate({x} {y})">{_chart(runs)}</g>'


def _chart(rows: list[Row]) -> str:
    figures = [Figure.of(row) for row in rows]
    newest = figures[-1]
    top = max([*(figure.value for figure in figures), *bounds(newest.aim)]) * 1.1 or 1
    points = [(_across(index, len(rows)), _up(figure.value, top)) for index, figure in enumerate(figures)]
    right, bottom = WIDTH - MARGIN, HEIGHT - BOTTOM
    return "".join([
        f'<text class="name" x="{MARGIN}" y="14">{escape(newest.name)}</text>',
        f'<text class="value{_missed(newest)}" x="{MARGIN}" y="36">{rows[-1]["value"]} {escape(newest.unit)}</text>',
        f'<text x="{right}" y="36" text-anchor="end">{_aim(newest)}</text>',
        f'<path class="axis" d="M{MARGIN} {bottom}H{right}"/>',
        *(f'<path class="aim" d="M{MARGIN} {_up(one, top):.1f}H{right}"/>' for one in bounds(newest.aim)),
        f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>',
        *(_run(*run) for run in zip(rows, figures, points, strict=True)),
        *_dates(rows[0]["date"][:10], rows[-1]["date"][:10]),
    ])  # fmt: skip


def _aim(figure: Figure) -> str:
    if not figure.aim:
        return ""
    aim = figure.aim.replace(">=", "≥ ").replace("<=", "≤ ").replace("..", "–")
    return f"aim {aim}" if figure.is_met else f"misses its aim {aim}"


def _dates(first: str, last: str) -> Iterator[str]:
    y = HEIGHT - BOTTOM + 16
    yield f'<text x="{WIDTH - MARGIN}" y="{y}" text-anchor="end">{last}</text>'
    if first != last:
        yield f'<text x="{MARGIN}" y="{y}">{first}</text>'


def _run(row: Row, figure: Figure, point: tuple[float, float]) -> str:
    title = escape(f"{row['value']} {row['unit']}, {row['date']}, commit {row['commit']}")
    circle = f'class="run{_missed(figure)}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3.5"'
    return f"<circle {circle}><title>{title}</title></circle>"


def _missed(figure: Figure) -> str:
    return "" if figure.is_met else " missed"


def _across(index: int, number: int) -> float:
    """The only run stands on the right, as the newest of several does."""
    return MARGIN + (WIDTH - 2 * MARGIN) * (index / (number - 1) if number > 1 else 1)


def _up(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top
