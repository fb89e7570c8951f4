"""The figures of a measurement, whether they meet their aims, and the table of all results."""

import csv
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "results.csv"  # of single runs, ignored by git
KEPT = HERE / "results"  # a table per day on which `all` ran, in the repository
COLUMNS = ("date", "commit", "machine", "benchmark", "figure", "value", "unit", "aim", "options", "busy")

Row = dict[str, str]  # by column


class Missing(Exception):
    """A program that the measurement needs is not installed; the message says which one, and how to install it."""


@dataclass(frozen=True)
class Figure:
    """One measured number. An `aim` is `>=0.75`, `<=300` or a range, `0.4..0.6`; a figure without one cannot fail."""

    name: str
    value: float
    unit: str = ""
    aim: str = ""

    @property
    def is_met(self) -> bool:
        if self.aim.startswith(">="):
            return self.value >= bounds(self.aim)[0]
        if self.aim.startswith("<="):
            return self.value <= bounds(self.aim)[0]
        least, most = bounds(self.aim) or (self.value, self.value)
        return least <= self.value <= most

    @classmethod
    def of(cls, row: "Row") -> "Figure":
        return cls(row["figure"], float(row["value"]), row["unit"], row["aim"])

    def line(self, benchmark: str) -> str:
        """`read plain_ratio=0.81 aim=>=0.75`, with the unit after the value."""
        aim = f" aim={self.aim}" if self.aim else ""
        return f"{benchmark} {self.name}={short(self.value)}{self.unit}{aim}{'' if self.is_met else ' MISSED'}"


def bounds(aim: str) -> list[float]:
    """The numbers in an aim: one, two for a range, none without an aim."""
    return [float(number) for number in aim.lstrip("<>=").split("..") if number]


def short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def record(
    benchmark: str, figures: Iterable[Figure], table: Path = TABLE, options: Iterable[str] = (), busy: str = ""
) -> None:
    """Add a row for each figure to the table. `busy` is what `is_busy` returned before the benchmark."""
    shared = {"options": " ".join(options), "busy": busy}
    write([*recorded(table), *(row_of(benchmark, figure) | shared for figure in figures)], table)


def row_of(benchmark: str, figure: Figure) -> Row:
    """The row of a figure that has just been measured on this machine."""
    of_figure = {"figure": figure.name, "value": short(figure.value), "unit": figure.unit, "aim": figure.aim}
    when = {"date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "commit": current_commit(), "machine": this_machine()}
    return dict.fromkeys(COLUMNS, "") | when | {"benchmark": benchmark} | of_figure


def write(rows: Iterable[Row], table: Path) -> None:
    """Write the whole table; a reader at the same time sees the former or the new one."""
    table.parent.mkdir(exist_ok=True)
    incomplete = table.with_suffix(".new")
    with incomplete.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    incomplete.replace(table)


def recorded(table: Path = TABLE) -> Iterator[Row]:
    """The rows of a table, also of one without the newer columns; none if it does not exist."""
    if table.exists():
        with table.open(newline="", encoding="utf-8") as stream:
            yield from (dict.fromkeys(COLUMNS, "") | row for row in csv.DictReader(stream))


def current_commit() -> str:
    """The short hash of the commit, with a + if the working tree differs from it."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def is_busy() -> str:
    """`yes` if this machine is busy with other work, so that its figures are not reliable; otherwise nothing."""
    return "yes" if os.getloadavg()[0] > (os.cpu_count() or 1) else ""


def this_machine() -> str:
    """Processor, cores and Python: `Xeon Platinum 8481C, 2 cores, Python 3.11.7`."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def percentile(values: list[float], of_hundred: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[of_hundred - 1]
