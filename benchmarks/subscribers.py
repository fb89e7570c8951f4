"""How long it takes to import 100,000 subscribers, and to show and to forget what a million were sent.

`retention_minutes` is how long the scheduler needs to replace a million old deliveries with counts, and
`retention_longest` the longest statement, for which others may have to wait.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.results import Figure, percentile
from benchmarks.support.product import Environment, product_environment
from statuspage.local.paths import ROOT

LINES, DELIVERIES = 100_000, 1_000_000


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks subscribers")
    parser.add_argument("--lines", type=int, default=LINES, help="of the table that is imported")
    parser.add_argument("--deliveries", type=int, default=DELIVERIES, help="of one announcement")
    parser.add_argument("--rounds", type=int, default=20, help="requests of each page; the 95th percentile counts")
    wanted = parser.parse_args(options)
    with product_environment(SAMPLE_DATA="0") as environment:
        imported = measured(environment, "import", wanted.lines)
        pages = measured(environment, "pages", wanted.deliveries, wanted.rounds)
        retained = measured(environment, "retain")
    return [
        Figure("import", imported["seconds"], "s", "<=10"),
        Figure("import_processor", imported["processor"], "s"),
        Figure("import_memory", imported["memory"], "MB", "<=150"),
        Figure("imported", imported["stored"], aim=f">={wanted.lines}"),
        *(Figure(name, percentile(times, 95), "ms", "<=100") for name, times in pages.items()),
        Figure("retention_minutes", retained["minutes"], "min", "<=60"),
        Figure("retention_busy", retained["seconds"], "s"),
        Figure("retention_longest", retained["longest"], "s", "<=0.2"),
    ]


def measured(environment: Environment, *command: object) -> dict[str, Any]:
    full = [sys.executable, "-m", "benchmarks.support.subscribers", *map(str, command)]
    output = subprocess.run(full, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
