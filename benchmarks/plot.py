"""Draws the table of results: a small chart per figure, one point per run, with the aim as a line."""

from html import escape
from itertools import groupby
from pathlib import Path

from benchmarks.results import HERE, TABLE, bounds, recorded

PICTURE = HERE / "results.svg"
COLUMNS, WIDTH, HEIGHT, MARGIN = 3, 320, 170, 36
_STYLE = """
text{font:12px system-ui,sans-serif;fill:#555}.name{font-weight:600;fill:#111}
.run{fill:#1769aa}.line{fill:none;stroke:#1769aa;stroke-width:1.5}.aim{stroke:#c0392b;stroke-dasharray:4 3}
.axis{stroke:#bbb}@media(prefers-color-scheme:dark){svg{background:#111}text{fill:#aaa}.name{fill:#eee}}
"""

Row = dict[str, str]


def draw(picture: Path = PICTURE, table: Path = TABLE) -> Path:
    """Write the picture and return its path."""
    rows = sorted(recorded(table), key=lambda row: (row["benchmark"], row["figure"], row["date"]))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: (row["benchmark"], row["figure"]))]
    charts = [_chart(group, number) for number, group in enumerate(groups)]
    height = HEIGHT * -(-len(groups) // COLUMNS)
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * COLUMNS} {height}"><style>{_STYLE}</style>'
    picture.write_text("\n".join([frame, *charts, "</svg>"]) + "\n", encoding="utf-8")
    return picture


def _chart(rows: list[Row], number: int) -> str:
    values = [float(row["value"]) for row in rows]
    aim = rows[-1]["aim"]
    top = max([*values, *bounds(aim)]) * 1.15 or 1
    points = [(_across(index, len(values)), _up(value, top)) for index, value in enumerate(values)]
    left, right, bottom = MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN
    parts = [
        f'<text class="name" x="{left}" y="20">{escape(rows[-1]["benchmark"])} {escape(rows[-1]["figure"])}</text>',
        f'<text x="{right}" y="20" text-anchor="end">{rows[-1]["value"]}{escape(rows[-1]["unit"])}</text>',
        f'<path class="axis" d="M{left} {bottom}H{right}"/>',
        f'<text x="{left}" y="{bottom + 16}">{rows[0]["date"][:10]}</text>',
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">{rows[-1]["date"][:10]}</text>',
        f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>',
        *(_run(row, point) for row, point in zip(rows, points, strict=True)),
    ]
    for bound in bounds(aim):
        level = _up(bound, top)
        parts.append(f'<path class="aim" d="M{left} {level:.1f}H{right}"/>')
        parts.append(f'<text x="{right}" y="{level - 4:.1f}" text-anchor="end">aim {escape(aim)}</text>')
    x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
    return f'<g transform="translate({x} {y})">{"".join(parts)}</g>'


def _run(row: Row, point: tuple[float, float]) -> str:
    title = escape(f"{row['value']}{row['unit']}, {row['date']}, {row['commit']}, {row['machine']}")
    return f'<circle class="run" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3"><title>{title}</title></circle>'


def _across(index: int, number: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * (index / (number - 1) if number > 1 else 0.5)


def _up(value: float, top: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN - 10) * value / top
