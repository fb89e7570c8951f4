"""Runs every benchmark, one after the other, and keeps the figures in the repository.

Each runs in a process of its own, so that neither memory nor settings of one reach another, and most with the shorter
options of `SHORT`. A benchmark that fails, hangs or lacks a program does not stop the others.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from benchmarks.results import KEPT, Figure, Row, current_commit, recorded, row_of, write
from benchmarks.support.product import MIGRATED_DATABASE, family

# The aims hold with fewer repetitions as well; what they depend on, such as the 10,000 incidents, is not reduced.
SHORT = {
    "api": "--rounds 20",
    "busy_day": "--subscribers 3000",
    "crashes": "--subscribers 3000 --kills 4",
    "defer": "--rounds 1",
    "deliver": "--subscribers 20000 --messages 2000",
    "enumeration": "--rounds 200 --forms subscribe",
    "expand": "--sizes 1000000",
    "first_mail": "--rounds 5",
    "guess": "--attempts 240 --networks 6 --rounds 50",
    "hostile": "--rounds 1 --seconds 4",
    "maintenance": "--rounds 7",
    "newsroom": "--rounds 5",
    "park": "--deliveries 100000 --rounds 1",
    "publish": "--sizes 10 10000 --rounds 20",
    "read": "--rounds 4 --seconds 1",
    "rebuild": "--rounds 7",
    "signup_flood": "--attempts 1000",
    "slow_replies": "--pauses 20 --connections 20",
    "soak": "--minutes 0.5 --subscribers 1000",
    "start": "--rounds 3",
    "stop": "--rounds 1 --subscribers 1000",
    "storm": "--seconds 20 --incidents 200",
    "subscribers": "--rounds 10",
    "upgrade": "--seconds 10",
    "withdraw": "--runs 3",
}
MINUTES = 20  # that they may take together
LIMIT = 240.0  # seconds that one benchmark may take
TO_END = 30.0  # seconds for its servers to stop after it was interrupted
LINES = 15  # of its error output


@dataclass
class Outcome:
    """What one benchmark measured, and why it ended early, if it did."""

    seconds: float
    rows: list[Row] = field(default_factory=list)
    errors: str = ""

    @property
    def problem(self) -> str:
        """Its last words, which are the message of an exception; nothing if it has figures."""
        return "" if self.rows else self.errors.rpartition("\n")[2] or "ended without figures"

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in map(Figure.of, self.rows) if not figure.is_met]


def run_all(names: Sequence[str], folder: Path = KEPT, busy: str = "", *, whole: bool = False) -> int:
    """Run these benchmarks and keep their figures. Return 1 if one of them failed or a figure missed its aim.

    The figures are stored after each benchmark: interrupted, a run has kept what it measured. `busy` is what `is_busy`
    returned before the first one, because each of them makes the machine busy for the next. A `whole` run is of all
    benchmarks, and how long it takes is a figure as well.
    """
    table = folder / f"{datetime.now(UTC):%Y-%m-%d}.csv"
    of_run = {"commit": current_commit(), "busy": busy}  # as of now: the table itself changes the working tree
    outcomes, begun = {}, time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="statuspage-bench-") as shared,
        tqdm(names, unit="benchmark", file=sys.stdout) as bar,
    ):
        variables = {MIGRATED_DATABASE: str(Path(shared, "migrated.sql"))}
        for name in bar:
            bar.set_description(name)
            outcomes[name] = outcome = measured(name, variables=variables)
            if outcome.rows:
                keep([row | of_run for row in outcome.rows], table)
            bar.write(summary(name, outcome))
    if whole:
        took = Figure("minutes", (time.monotonic() - begun) / 60, "min", f"<={MINUTES}")
        outcomes["all"] = Outcome(60 * took.value, [row_of("all", took) | of_run])
        keep(outcomes["all"].rows, table)
    problems = [f"{name}: {one.problem}" for name, one in outcomes.items() if one.problem]
    missed = [figure.line(name) for name, one in outcomes.items() for figure in one.missed]
    print(f"{sum(len(one.rows) for one in outcomes.values())} figures are kept in {table}.")
    print(*missed, *problems, sep="\n")
    return 1 if missed or problems else 0


def keep(rows: Iterable[Row], table: Path) -> None:
    """Add rows to the table of the day, in place of those that the same machine measured with the same options."""
    added = list(rows)
    replaced = {_measurement(row) for row in added}
    write([*(row for row in recorded(table) if _measurement(row) not in replaced), *added], table)


def _measurement(row: Row) -> tuple[str, ...]:
    return row["machine"], row["benchmark"], row["options"]


def measured(name: str, limit: float = LIMIT, variables: Mapping[str, str] | None = None) -> Outcome:
    """Run a benchmark for at most `limit` seconds, with additional environment variables."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="statuspage-bench-") as folder:
        table, errors = Path(folder, "table.csv"), Path(folder, "errors")
        with errors.open("wb") as stream:
            process = subprocess.Popen(
                command(name, table),
                env={**os.environ, **(variables or {})},
                stdout=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,
            )
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                end(process)
                stream.write(f"\nended after {limit:.0f} s without a result".encode())
            finally:
                end(process)  # when this process is interrupted
        said = errors.read_text(encoding="utf-8", errors="replace").strip()
        return Outcome(time.monotonic() - begun, list(recorded(table)), said)


def command(name: str, table: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks", f"--table={table}", name, *SHORT.get(name, "").split()]


def end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a benchmark, as Ctrl-C does, so that it stops its servers; then kill what is left of it."""
    if process.poll() is not None:
        return
    started = list(family(process.pid))
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(TO_END)
        return
    for pid in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def summary(name: str, outcome: Outcome) -> str:
    """What it measured in how many seconds, and the end of its error output if something is wrong."""
    head = f"{' '.join([name, SHORT.get(name, '')]).rstrip()}: {outcome.seconds:.0f} s"
    if outcome.rows:
        head += f", {len(outcome.rows)} figures" + "".join(f", {one.name} MISSED" for one in outcome.missed)
    said = outcome.errors.splitlines()[-LINES:] if outcome.problem or outcome.missed else []
    return "\n  ".join([head, *said])
