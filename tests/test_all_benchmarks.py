"""`make bench NAME=all` runs every benchmark whatever one of them does, and keeps the figures by day."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import all as runner
from benchmarks.results import COLUMNS, Figure, Row, recorded
from harness.waiting import wait_for
from statuspage.local.paths import ROOT

# Stands in for a process that runs a benchmark.
FAKE = """
import sys, time
from pathlib import Path
from benchmarks.results import Figure, record
name, table = sys.argv[1], Path(sys.argv[2])
if name == "crashes":
    raise ValueError("no such table")
if name == "lacks_a_program":
    sys.exit("wrk is missing (Debian: apt-get install wrk)")
if name == "hangs":
    try:
        Path(sys.argv[4]).write_text("started")
        time.sleep(600)
    finally:
        Path(sys.argv[3]).write_text("stopped its servers")
print(f"{name}: request 7 failed", file=sys.stderr)
record(name, [Figure("rate", 0.7, "/s", ">=0.5"), Figure("errors", int(name == "misses"), aim="<=0")], table)
"""


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every benchmark is the fake one; return the file that it writes after being interrupted."""
    stopped = tmp_path / "stopped"
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        runner,
        "command",
        lambda name, table: [sys.executable, "-c", FAKE, name, str(table), str(stopped), str(tmp_path / "started")],
    )
    return stopped


def kept(folder: Path) -> list[tuple[str, str, str]]:
    return [(row["benchmark"], row["figure"], row["value"]) for table in folder.iterdir() for row in recorded(table)]


@pytest.mark.usefixtures("fakes")
def test_failing_benchmarks_do_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "results"
    assert runner.run_all(["crashes", "lacks_a_program", "misses", "works"], folder) == 1
    assert kept(folder) == [
        ("misses", "rate", "0.7"),
        ("misses", "errors", "1"),
        ("works", "rate", "0.7"),
        ("works", "errors", "0"),
    ]
    said = capsys.readouterr().out.splitlines()
    assert "  misses: request 7 failed" in said
    assert "  works: request 7 failed" not in said
    assert said[-3:] == [
        "misses errors=1 aim=<=0 MISSED",
        "crashes: ValueError: no such table",
        "lacks_a_program: wrk is missing (Debian: apt-get install wrk)",
    ]


@pytest.mark.usefixtures("fakes")
def test_run_in_which_every_aim_is_met_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run_all(["works", "works_too"], tmp_path / "results") == 0
    said = capsys.readouterr().out
    assert "works: " in said
    assert "2/2" in said


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(("limit", "code"), [(20, 0), (0, 1)])
def test_whole_run_has_an_aim_for_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, code: int
) -> None:
    monkeypatch.setattr(runner, "MINUTES", limit)
    assert runner.run_all(["works"], tmp_path / "results", whole=True) == code
    assert [name for name, _figure, _value in kept(tmp_path / "results")] == ["works", "works", "all"]


def test_benchmark_that_hangs_is_interrupted(fakes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 240.0

    class Hanging(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            if timeout != limit:
                return super().wait(timeout)
            wait_for((tmp_path / "started").exists)
            raise subprocess.TimeoutExpired(self.args, limit)

    monkeypatch.setattr(subprocess, "Popen", Hanging)
    assert runner.measured("hangs", limit).problem == "ended after 240 s without a result"
    assert fakes.read_text() == "stopped its servers"


def test_benchmark_that_ignores_the_interruption_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    monkeypatch.setattr(runner, "command", lambda *_: [sys.executable, "-c", stubborn])
    monkeypatch.setattr(runner, "TO_END", 1.0)
    assert runner.measured("hangs", limit=2).problem == "ended after 2 s without a result"


def test_another_run_on_the_same_day_replaces_what_it_measures_again(tmp_path: Path) -> None:
    table = tmp_path / "2026-11-28.csv"

    def row(value: str, **other: str) -> Row:
        return (
            dict.fromkeys(COLUMNS, "") | {"benchmark": "read", "machine": "A", "figure": "rate", "value": value} | other
        )

    others = [row("1", machine="B"), row("2", benchmark="storm"), row("3", options="--rounds 3")]
    runner.keep([row("4"), *others], table)
    runner.keep([row("5")], table)
    assert list(recorded(table)) == [*others, row("5")]


@pytest.mark.usefixtures("fakes")
def test_commit_and_load_are_those_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "current_commit", lambda: "abc1234")
    runner.run_all(["works"], tmp_path / "results", busy="yes")
    rows = [row for table in (tmp_path / "results").iterdir() for row in recorded(table)]
    assert {(row["commit"], row["busy"]) for row in rows} == {("abc1234", "yes")}


def test_figures_of_a_benchmark_go_to_the_table_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    monkeypatch.setattr("benchmarks.read.run", lambda _options: [Figure("rate", 7, "/s")])
    assert benchmarks.main(runner.command("read", table)[3:]) == 0
    assert [(row["figure"], row["options"]) for row in recorded(table)] == [("rate", runner.SHORT["read"])]


def test_shorter_options_are_options_of_benchmarks(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(runner.SHORT) - set(benchmarks.names()) == set()
    for name, options in runner.SHORT.items():
        with pytest.raises(SystemExit):
            benchmarks.measure(name, [*options.split(), "--help"])
        assert "usage: python -m benchmarks" in capsys.readouterr().out


def test_unknown_name_after_all_is_answered_with_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["all", "fly"]) == benchmarks.USAGE_ERROR
    assert "NAME" in capsys.readouterr().err
