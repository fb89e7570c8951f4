"""The files in deploy/prometheus/: valid for Debian's Prometheus, about metrics that exist, and documented."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.prometheus import AMTOOL, FILES, PROMTOOL, RULES
from incidents.metrics import definitions
from incidents.metrics.definitions import HISTOGRAM
from statuspage.local.paths import ROOT
from tests.metrics.alert_series import CASES, Series

TEXT = RULES.read_text(encoding="utf-8")
ALERTS = re.findall(r"^ +- alert: (\w+)$", TEXT, re.MULTILINE)
DOCS = Path(ROOT, "docs", "metrics.md").read_text(encoding="utf-8")

needs_promtool = pytest.mark.skipif(
    not PROMTOOL and os.environ.get("REQUIRE_PROMETHEUS") != "1",
    reason="Prometheus is not installed (Debian: apt-get install prometheus)",
)
needs_amtool = pytest.mark.skipif(
    not AMTOOL and os.environ.get("REQUIRE_PROMETHEUS") != "1",
    reason="Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)",
)


def run(program: str | None, *arguments: str | Path, text: str = "") -> None:
    assert program
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def exported() -> set[str]:
    """Return the names of all series."""
    names = {one.full_name for one in definitions.ALL if one.kind != HISTOGRAM}
    histograms = {one.full_name for one in definitions.ALL if one.kind == HISTOGRAM}
    return names | {f"{name}_{suffix}" for name in histograms for suffix in ("bucket", "sum", "count")}


@needs_promtool
def test_rules_are_valid() -> None:
    run(PROMTOOL, "check", "rules", "--lint-fatal", RULES)


@needs_promtool
def test_configuration_is_valid(tmp_path: Path) -> None:
    folder = shutil.copytree(FILES, tmp_path / "prometheus")
    (folder / "statuspage_token").write_text("a-token-of-prometheus")
    run(PROMTOOL, "check", "config", folder / "prometheus.yml")


@needs_amtool
def test_configuration_of_the_alertmanager_is_valid() -> None:
    run(AMTOOL, "check-config", FILES / "alertmanager.yml")


def test_each_alert_has_series() -> None:
    assert list(CASES) == ALERTS


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    tests = [
        check(alert, series, fires=fires)
        for alert, case in CASES.items()
        for series, fires in ((case.firing, True), (case.silent, False))
    ]
    # JSON is YAML.
    file = tmp_path / "tests.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    run(PROMTOOL, "test", "rules", file)


def check(alert: str, series: Series, *, fires: bool) -> dict[str, Any]:
    """Return a test of promtool: after an hour the alert fires, or does not."""
    firing = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > 0'
    expected = {"expr": firing, "eval_time": "60m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
    return {
        "name": f"{alert}, {'firing' if fires else 'silent'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [expected],
    }


def test_rules_use_metrics_that_exist() -> None:
    used = {name for name in re.findall(r"\bstatuspage_\w+", TEXT) if not name.startswith("statuspage_token")}
    assert used
    assert used - exported() == set()


def test_board_uses_metrics_that_exist() -> None:
    board = json.loads((FILES / "grafana.json").read_text(encoding="utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert all(expressions)
    assert {name for one in expressions for name in re.findall(r"\bstatuspage_\w+", one)} - exported() == set()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_each_alert_says_what_to_do_and_where_that_is_documented() -> None:
    for word in ("summary", "description", "docs", "severity"):
        assert len(re.findall(rf"\b{word}: ", TEXT)) == len(ALERTS), word
    assert re.findall(r"docs: docs/metrics\.md#(\w+)", TEXT) == [name.lower() for name in ALERTS]
    assert re.findall(r"^#### (\w+)$", DOCS, re.MULTILINE) == ALERTS
